package lockkeeper.reasons_test

import data.lockkeeper.reasons
import rego.v1

test_in_the_order_of_codes if {
	explained := reasons.explain({"viewer-may-look", "admin-may-look"})
	[reason.code | some reason in explained] == ["admin-may-look", "viewer-may-look"]
	explained[0].message == "An admin may look at this."
}

test_a_code_without_a_sentence_stands_for_itself if {
	reasons.explain({"new-code"}) == [{"code": "new-code", "message": "new-code"}]
}

test_codes_are_kebab_case_and_sentences_end if {
	every code, sentence in reasons.sentences {
		regex.match(`^[a-z]+(-[a-z]+)*$`, code)
		endswith(sentence, ".")
	}
}

import { AwsRefusal } from "../refusal.ts";

/** The request is not signed as Signature Version 4 asks; what is missing shows without any key. */
export function incompleteSignature(message: string): AwsRefusal {
  return new AwsRefusal(400, "IncompleteSignature", message);
}

/** The signature is whole, but it is not one of this request, here and now. */
export function signatureDoesNotMatch(message: string): AwsRefusal {
  return new AwsRefusal(403, "SignatureDoesNotMatch", message);
}

/** Nobody holds this access key, or it came with a session token, which Lockkeeper never issues. */
export function invalidClientTokenId(): AwsRefusal {
  return new AwsRefusal(403, "InvalidClientTokenId", "The security token included in the request is invalid");
}

"""Calls every action of the door once, and prints as JSON what came of it."""

import json

from session import came_of, iam

client = iam()
bob, sofia = {"UserName": "Bob"}, {"UserName": "sofia"}
key = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}
off = {"Status": "Inactive"}
calls = [
    (client.update_signing_certificate, {**bob, **off, "CertificateId": "TA7SMP42TDN5Z26OBPJE7EXAMPLE"}),
    (
        client.update_service_specific_credential,
        {**sofia, **off, "ServiceSpecificCredentialId": "ACCAEXAMPLE123EXAMPLE"},
    ),
    (client.update_access_key, {**bob, **off, **key}),
    (client.update_ssh_public_key, {**bob, **off, "SSHPublicKeyId": "APKAEIBAERJR2EXAMPLE"}),
    (client.list_signing_certificates, bob),
    (client.list_service_specific_credentials, sofia),
    (client.list_access_keys, bob),
    (client.list_ssh_public_keys, bob),
    (client.get_user, bob),
    (client.list_users, {"MaxItems": 3}),
    (client.get_access_key_last_used, key),
    (client.update_access_key, {**off, **key, "UserName": "Nobody"}),
    (client.update_access_key, {**bob, **key, "Status": "Expired"}),
    (client.update_ssh_public_key, {**bob, **off, "SSHPublicKeyId": "APKA-EIBAERJR2EXAMPLE"}),
    (client.list_users, {"Marker": "no-marker"}),
]
print(json.dumps([{call.__name__: came_of(call, **parameters)} for call, parameters in calls], default=str, indent=1))

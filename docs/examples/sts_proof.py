"""Says to a Lockkeeper gateway who one is, by AWS credentials of one's own. Needs botocore, which boto3 brings along.

    pip install boto3
    curl -H "Authorization: $(python3 sts_proof.py STS_ENDPOINT REGION SERVER_ID)" https://lockkeeper.example.com:8443/v1/principal
"""

import base64
import json
import sys
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session


def host_of(endpoint):
    """The host as the gateway names it to STS: in lower case, without the scheme's own port."""
    scheme, netloc, *_ = urlsplit(endpoint)
    return netloc.lower().removesuffix({"https": ":443", "http": ":80"}[scheme])


def sts_authorization(endpoint, region, server_id, credentials):
    """The value of the Authorization header: the headers of a signed GetCallerIdentity request. Good for five minutes."""
    request = AWSRequest(
        method="POST",
        url=endpoint.rstrip("/") + "/",
        data="Action=GetCallerIdentity&Version=2011-06-15",
        headers={
            "host": host_of(endpoint),
            "content-type": "application/x-www-form-urlencoded",
            "x-lockkeeper-server-id": server_id,
        },
    )
    SigV4Auth(credentials, "sts", region).add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    proof = base64.urlsafe_b64encode(json.dumps({"headers": headers}).encode()).decode().rstrip("=")
    return "AWS-STS " + proof


if __name__ == "__main__":
    print(sts_authorization(*sys.argv[1:4], get_session().get_credentials().get_frozen_credentials()))

"""What the scripts beside this one share: a client as the environment says, and what came of a call."""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def iam(path="", **config):
    """A client of IAM at $LOCKKEEPER_ENDPOINT, with boto3's own defaults."""
    return boto3.client("iam", endpoint_url=os.environ["LOCKKEEPER_ENDPOINT"] + path, config=Config(**config))


def came_of(call, **parameters):
    """What a person would see of a call: the answer, or the error; and how often it was sent."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        metadata = error.response["ResponseMetadata"]
        result = {"error": str(error), "code": error.response["Error"]["Code"]}
    else:
        metadata = answer.pop("ResponseMetadata")
        result = {"answer": answer}
    return {**result, "status": metadata["HTTPStatusCode"], "attempts": metadata["RetryAttempts"] + 1}

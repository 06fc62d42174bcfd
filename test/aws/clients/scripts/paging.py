"""Prints as JSON the user names that boto3's paginators find, in pages of different sizes, and the sizes of the pages."""

import json

from session import iam

pages = iam().get_paginator("list_users")
runs = [
    [[user["UserName"] for user in page["Users"]] for page in pages.paginate(PaginationConfig=config)]
    for config in ({"PageSize": 50}, {"PageSize": 7, "MaxItems": 20}, {})
]
print(json.dumps([{"names": sum(run, []), "sizes": [len(page) for page in run]} for run in runs]))

"""Starts MiniStack with some of AWS's habits that its release 1.5.33 lacks.

A function's error keeps its name. Under AUTH=true, where MiniStack enforces IAM, a function URL
tells who signed the request, a batch needs the right to its single action, KMS's own condition
keys are known, and the loopback counts as an encrypted transport.
"""

import json
import re

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.services import lambda_svc

_run_function = lambda_svc._execute_function_warm
_function_url_event = lambda_svc._build_function_url_event
_iam_action = iam_actions.extract_iam_action
_request_context = iam_actions.request_tag_context
_first_line = re.compile(r"^(?:Uncaught )?([A-Z]\w*): ", re.MULTILINE)


def run_function(func, event, request_id):
    result = _run_function(func, event, request_id)
    body, log = result.get("body"), result.get("log", "")
    if result.get("error") and body.get("errorType") == "Runtime.HandlerError":
        for line in _first_line.finditer(log):
            if log.startswith(body["errorMessage"], line.end()):
                body["errorType"] = line.group(1)
    return result


def function_url_event(url_id, account_id, region, method, path, headers, *rest, **options):
    event = _function_url_event(url_id, account_id, region, method, path, headers, *rest, **options)
    caller = iam_evaluator.resolve_caller_identity(router.extract_access_key_id(headers, {}))
    # Without AUTH=true nobody has verified the signature.
    if app.AUTH and caller is not None:
        event["requestContext"]["authorizer"] = {
            "iam": {
                "accessKey": caller["accessKey"],
                "accountId": caller["accountId"],
                "callerId": caller["userId"],
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": caller["userArn"],
                "userId": caller["userId"],
            }
        }
    return event


def iam_action(service, *request):
    action = _iam_action(service, *request)
    return action.removesuffix("Batch") if service == "sqs" and action else action


def request_context(service, action, body, params):
    context = _request_context(service, action, body, params)
    if service == "kms":
        request = json.loads(body or b"{}")
        pairs = request.get("EncryptionContext") or {}
        context |= {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
        context["kms:EncryptionContextKeys"] = list(pairs) or None
        context["kms:MacAlgorithm"] = request.get("MacAlgorithm")
    return context


def request_origin(source_ip, secure_transport):
    iam_evaluator.pin_request_origin(source_ip, secure_transport or source_ip == "127.0.0.1")


lambda_svc._execute_function_warm = run_function
lambda_svc._build_function_url_event = function_url_event
iam_actions.extract_iam_action = iam_action
iam_actions.request_tag_context = request_context
app.pin_request_origin = request_origin

app.main()

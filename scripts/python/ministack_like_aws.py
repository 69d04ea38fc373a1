"""Starts MiniStack with some of AWS's habits that its release 1.5.33 lacks.

A function's error keeps its name. Under AUTH=true, where MiniStack enforces IAM, a function URL
tells who signed the request, a batch needs the right to its single action, an event source mapping
has actions of its own, KMS's own condition keys are known, and the loopback counts as an encrypted transport. KMS has ReEncrypt, and opens
nothing under another key than the one named.
"""

import base64
import json
import re

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import error_response_json, json_response, new_uuid
from ministack.services import kms, lambda_svc

_run_function = lambda_svc._execute_function_warm
_function_url_event = lambda_svc._build_function_url_event
_iam_action = iam_actions.extract_iam_action
_request_context = iam_actions.request_tag_context
_kms_request = kms.handle_request
_decrypt = kms._decrypt
_one_mapping = re.compile(r"/event-source-mappings/[^/]+/?$")
_mapping_actions = {
    "GET": "lambda:GetEventSourceMapping",
    "PUT": "lambda:UpdateEventSourceMapping",
    "DELETE": "lambda:DeleteEventSourceMapping",
}
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
    if service == "lambda":
        method, path = request[:2]
        if method in _mapping_actions and _one_mapping.search(path):
            return _mapping_actions[method]
    # Two actions, each on a key of its own: re_encrypt checks them.
    if action == "kms:ReEncrypt":
        return None
    return action.removesuffix("Batch") if service == "sqs" and action else action


def request_context(service, action, body, params):
    context = _request_context(service, action, body, params)
    return context | kms_context(json.loads(body or b"{}")) if service == "kms" else context


def kms_context(request):
    pairs = request.get("EncryptionContext") or {}
    return {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()} | {
        "kms:EncryptionContextKeys": list(pairs) or None,
        "kms:MacAlgorithm": request.get("MacAlgorithm"),
    }


def wrapping_key(request):
    """The key that the ciphertext itself names, as a symmetric one does."""
    blob = base64.b64decode(request["CiphertextBlob"])
    return kms._resolve_key(blob[:36].decode(errors="replace"))


def decrypt(request):
    key_id, wrapping = request.get("KeyId"), wrapping_key(request)
    named = kms._resolve_key(key_id)
    if key_id and not named:
        return error_response_json("NotFoundException", f"Key {key_id} not found", 400)
    if named and wrapping and named is not wrapping:
        return error_response_json("IncorrectKeyException", "The ciphertext is another key's.", 400)
    return _decrypt(request)


def re_encrypt(request, headers, query_params):
    """Decrypt and Encrypt in one: each side has its key, its context and its permission."""
    fields = ("KeyId", "EncryptionContext", "EncryptionAlgorithm")
    source, destination = (
        {name: request[side + name] for name in fields if side + name in request}
        for side in ("Source", "Destination")
    )
    source["CiphertextBlob"] = request["CiphertextBlob"]
    source_key = kms._resolve_key(source.get("KeyId")) or wrapping_key(source)
    destination_key = kms._resolve_key(destination.get("KeyId"))
    for action, key, side in (
        ("kms:ReEncryptFrom", source_key, source),
        ("kms:ReEncryptTo", destination_key, destination),
    ):
        arn = key["Arn"] if key else "*"
        caller = ("kms", action, headers, query_params, new_uuid())
        # Allows everything unless AUTH=true.
        if denied := app._enforce_data_plane(*caller, arn, kms_context(side)):
            return denied

    opened = decrypt(source)
    if opened[0] != 200:
        return opened
    plain = json.loads(opened[2])
    wrapped = kms._encrypt(destination | {"Plaintext": plain["Plaintext"]})
    if wrapped[0] != 200:
        return wrapped
    answer = json.loads(wrapped[2])
    return json_response(
        {
            "CiphertextBlob": answer["CiphertextBlob"],
            "KeyId": answer["KeyId"],
            "SourceKeyId": plain["KeyId"],
            "SourceEncryptionAlgorithm": plain["EncryptionAlgorithm"],
            "DestinationEncryptionAlgorithm": answer["EncryptionAlgorithm"],
        }
    )


async def kms_request(method, path, headers, body, query_params):
    if headers.get("x-amz-target") == "TrentService.ReEncrypt":
        return re_encrypt(json.loads(body), headers, query_params)
    return await _kms_request(method, path, headers, body, query_params)


def request_origin(source_ip, secure_transport):
    iam_evaluator.pin_request_origin(source_ip, secure_transport or source_ip == "127.0.0.1")


lambda_svc._execute_function_warm = run_function
lambda_svc._build_function_url_event = function_url_event
iam_actions.extract_iam_action = iam_action
iam_actions.request_tag_context = request_context
kms.handle_request = kms_request
kms._decrypt = decrypt
app.pin_request_origin = request_origin

app.main()

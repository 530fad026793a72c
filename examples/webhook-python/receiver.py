#!/usr/bin/env python3
"""A receiver for Herald's webhooks, in Python 3.9 or later with its standard library alone.

README.md says how to run it, and what is where in this file.
"""
import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDR = os.environ.get("ADDR", "localhost:3000")
WEBHOOK_KEY = os.environ.get("WEBHOOK_KEY", "")
SIGNING_SECRET = os.environ.get("SIGNING_SECRET", "")
SIGNATURE = os.environ.get("SIGNATURE", "standard")
if not WEBHOOK_KEY or not SIGNING_SECRET or SIGNATURE not in ("standard", "jwt"):
    sys.exit("Set WEBHOOK_KEY to the value of the Authorization header that the webhook sends, SIGNING_SECRET to the secret of its HMAC key, "
             "and SIGNATURE to standard or jwt.")


# What this receiver is for. The todos of a user go with the user, and not everybody may become one.

class Refusal(Exception):
    pass


def delete_todos(user_id):
    print(f"deleted the todos of {user_id}", flush=True)


def handle(event):
    if event["type"] == "user.create":  # before the commit: answering anything but 2xx stops it, if the tenant lets webhooks vote
        email = event["user"].get("email", "")
        if email.endswith("@blocked.example"):
            raise Refusal("nobody from blocked.example is let in")
        print(f"agreed to {email}", flush=True)
    elif event["type"] == "user.delete":  # where webhooks vote on this, wait for user.delete.complete: another one may still refuse
        delete_todos(event["user"]["id"])
    # Any other type is one that this receiver does not know, perhaps because it is newer: no reason to fail.


# Who sends.

def equal(got, wanted):
    """Takes as long whatever differs."""
    return hmac.compare_digest((got or "").encode("latin-1", "replace"), wanted.encode())


def verify_standard(headers, body):
    """Standard Webhooks: the HMAC of id, time and body. A request that somebody has kept is of no use after five minutes."""
    message_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdecimal() or len(at) > 12 or abs(time.time() - int(at)) > 300:
        return False
    key = SIGNING_SECRET.encode()
    if SIGNING_SECRET.startswith("whsec_"):
        key = base64.b64decode(SIGNING_SECRET[len("whsec_"):])
    content = f"{message_id}.{at}.".encode("latin-1", "replace") + body
    wanted = "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return any(equal(one, wanted) for one in headers.get("webhook-signature", "").split())


def verify_jwt(headers, body):
    """FusionAuth's JWT: the hash of the body as it came, not of what it was parsed to. The algorithm is ours to choose, whatever the token says."""
    content, _, signature = headers.get("X-FusionAuth-Signature-JWT", "").rpartition(".")
    wanted = hmac.digest(SIGNING_SECRET.encode(), content.encode("latin-1", "replace"), "sha256")
    if not equal(signature, base64.urlsafe_b64encode(wanted).decode().rstrip("=")):
        return False
    claims = content.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return equal(claims.get("request_body_sha256"), base64.b64encode(hashlib.sha256(body).digest()).decode())


# Such a token has no time, so the age of the event has to do. Retries go on for 28 hours.
MAX_AGE = 48 * 3600 * 1000


# Each event once, however often it comes. A process that starts again has forgotten; a database would not.

class Once:
    MOST = 100_000

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = OrderedDict()  # from event.id to whether it was handled

    def claim(self, event_id):
        """None for an event that is new; otherwise whether it was handled already."""
        with self.lock:
            if event_id in self.seen:
                return self.seen[event_id]
            self.seen[event_id] = False
            return None

    def settle(self, event_id, handled):
        with self.lock:
            if not handled:
                del self.seen[event_id]  # it may come again
                return
            self.seen[event_id] = True
            if len(self.seen) > self.MOST:
                self.seen.popitem(last=False)


once = Once()


# What is answered.

class Receiver(BaseHTTPRequestHandler):
    MAX_BODY = 1 << 20
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds that a sender may be silent

    def do_POST(self):
        if self.path != "/webhook":
            return self.fail(404, "notFound")
        if len(self.headers.get_all("Authorization", [])) != 1 or not equal(self.headers["Authorization"], WEBHOOK_KEY):
            return self.not_authorized("the Authorization header is wrong")
        if self.headers.get_content_type() != "application/json" or "Content-Encoding" in self.headers:
            return self.fail(415, "unsupportedMediaType")
        length = ",".join(self.headers.get_all("Content-Length", []))
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            return self.fail(411, "lengthRequired")
        if len(length) > 10 or int(length) > self.MAX_BODY:
            return self.fail(413, "tooLarge")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self.fail(400, "incompleteBody")
        if not (verify_jwt if SIGNATURE == "jwt" else verify_standard)(self.headers, body):
            return self.not_authorized("the signature is wrong, or too old")
        try:
            event = json.loads(body)["event"]
            event_id, _ = event["id"] + "", event["type"] + ""
        except (ValueError, KeyError, TypeError):
            return self.fail(400, "invalidBody", "The body is no event.")
        if SIGNATURE == "jwt" and time.time() * 1000 - event.get("createInstant", 0) > MAX_AGE:
            return self.not_authorized("the event is too old")
        self.once(event_id, event)

    def once(self, event_id, event):
        before = once.claim(event_id)
        if before:
            return self.answer(200, {"duplicate": True})
        if before is False:
            return self.fail(503, "inProgress", header=("Retry-After", "1"))
        handled = False
        try:
            handle(event)
            handled = True
            self.answer(200)
        except Refusal as refusal:
            self.fail(422, "refused", str(refusal))
        except Exception as error:  # it will be sent again
            print(f"not handled: {error!r}", file=sys.stderr, flush=True)
            self.fail(500, "notHandled")
        finally:
            once.settle(event_id, handled)

    def not_allowed(self):
        self.fail(405, "methodNotAllowed", header=("Allow", "POST"))

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = not_allowed

    def not_authorized(self, reason):
        print(f"turned away: {reason}", file=sys.stderr, flush=True)
        self.fail(401, "notAuthorized")

    def fail(self, status, code, message=None, header=None):
        self.close_connection = True  # the body may not have been read
        error = {"code": f"[{code}]"}
        if message:
            error["message"] = message
        self.answer(status, {"errors": [error]}, header)

    def answer(self, status, content=None, header=None):
        body = json.dumps(content, separators=(",", ":")).encode() if content else b""
        self.send_response(status)
        if header:
            self.send_header(*header)
        if content:
            self.send_header("Content-Type", "application/json")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    host, _, port = ADDR.rpartition(":")
    with Server((host, int(port)), Receiver) as server:
        print(f"waiting for events on http://{host}:{server.server_address[1]}/webhook", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass

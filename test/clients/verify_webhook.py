"""Verifies a request of a webhook with libraries of receivers, like verify_webhook.mjs."""

import json
import sys

import openai
import standardwebhooks
import svix

given = json.load(sys.stdin)
body, headers, secret = given["body"], given["headers"], given["secret"]
libraries = {
    "standardwebhooks": lambda: standardwebhooks.Webhook(secret).verify(body, headers),
    "svix": lambda: svix.Webhook(secret).verify(body, headers),
    "openai": lambda: openai.OpenAI(api_key="none").webhooks.unwrap(body, headers, secret=secret),
}
accepted = []
for name, verify in libraries.items():
    try:
        verify()
        accepted.append(name)
    except Exception as error:
        print(f"{name}: {error!r}", file=sys.stderr)
print(json.dumps(accepted))

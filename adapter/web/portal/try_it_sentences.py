"""Say in the reader's language why a request of a source was refused, in whole or in part.

The sources themselves are answered in English, as programs read it. Where a decoder words a
sentence anew it is to be worded anew here; a test compares.
"""

from __future__ import annotations

from adapter.i18n import N_
from adapter.web import fault_sentences
from adapter.web.phrases import Phrases

SENTENCES = (
    # A value of an event: adapter/telephony.
    N_("is required"),
    N_("may not be empty"),
    N_("may not hold control characters"),
    N_("a string may not hold U+0000"),
    N_("expected a string"),
    N_("expected a string of Base64"),
    N_("expected a string, a number, true or false"),
    N_("expected true or false"),
    N_("expected an object"),
    N_("expected an object, a CloudEvent"),
    N_("expected an array"),
    N_("expected an EventBridge envelope (source, detail-type, detail)"),
    N_("expected the name of a bucket"),
    N_("expected 1.0, got %(found)s"),
    N_("expected an RFC 3339 time with Z or an offset, in the years 1 to 9999 of UTC"),
    N_("expected inbound or outbound"),
    N_("expected recording, transcript or analysis"),
    N_("expected an http(s) URL of at most %(most)s characters"),
    N_("expected an integer of at most 64 bits"),
    N_("cannot be stored"),
    N_("expected Base64"),
    N_("expected UTF-8 under the Base64"),
    N_("expected JSON under the Base64: %(why)s"),
    N_("stands beside data; an event has one of the two"),
    N_("an attribute's name has only lower-case letters and digits"),
    N_("is not valid UTF-8 after percent-decoding"),
    N_("is longer than %(most)s characters"),
    N_("is longer than %(most)s bytes"),
    N_("is larger than %(most)s bytes"),
    N_("has more than %(most)s elements"),
    N_("has more than %(most)s members"),
    # A whole request: adapter/telephony/json_limits.py, cloudevents.py, adapter/web/intake.py.
    N_("The body is nested deeper than %(most)s levels"),
    N_("nested deeper than %(most)s levels"),
    N_("%(count)s events in one request, at most %(most)s are taken"),
    N_("event %(number)s: %(why)s"),
    N_("event %(number)s: %(why)s (and %(count)s more)"),
    N_("A body without a content type"),
    N_(
        "%(type)s is not taken here. Send application/cloudevents+json, "
        "application/cloudevents-batch+json, a JSON array of events as application/json, or ce- "
        "headers with a JSON body"
    ),
    N_("%(type)s is not taken here. The data of a contact is JSON"),
    N_("charset %(name)s is not taken here, send UTF-8"),
    N_("this content encoding is not taken here: send it plain"),
    N_("the body has %(count)s bytes; %(most)s is the limit"),
    N_("the body has more than %(most)s bytes when unpacked"),
    N_("the body has more than %(most)s gzip members"),
    N_("the body is no gzip: %(why)s"),
    N_("the gzip body is cut off"),
    # Who sent it: adapter/telephony/standard_webhooks.py, adapter/credentials.py.
    N_("this tenant has no signing secret"),
    N_("webhook-id, webhook-timestamp and webhook-signature are missing"),
    N_("is required beside the other webhook- headers"),
    N_("expected at most 512 printable ASCII characters"),
    N_("expected whole seconds since 1970"),
    N_("too old, at most %(most)s s are allowed: check the clocks"),
    N_("too far in the future, at most %(most)s s are allowed: check the clocks"),
    N_("no v1 signature fits a signing secret of this tenant"),
    N_("use Bearer or Basic with a service key"),
    N_("the Basic credential cannot be read"),
)

PHRASES = Phrases((*SENTENCES, *fault_sentences.SENTENCES))

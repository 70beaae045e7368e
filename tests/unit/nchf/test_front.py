"""Who may call, what is refused and how, and that no body breaks anything."""

import copy
import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.conformance.nchf.specification import CONVERGED, check, check_answer
from tests.effort import examples
from tests.unit.nchf.calls import CHARGING, SETTINGS, call, request
from trunkline.charging import ChargeAnswer, Result
from trunkline.charging.sessions import refusal
from trunkline.kernel.errors import Unavailable
from trunkline.nchf import NrfSettings
from trunkline.platform.clock import DrivenClock, SystemClock

INSTANCE = "7f1c8a52-3b1d-5f0e-9a7c-2d6e8f901234"
WHOLE = request(
    chargingId=7,
    notifyUri="http://smf.example/notify/7",
    multipleUnitUsage=[
        {
            "ratingGroup": 1,
            "requestedUnit": {"totalVolume": 1_000_000},
            "usedUnitContainer": [
                {
                    "localSequenceNumber": 1,
                    "quotaManagementIndicator": "ONLINE_CHARGING",
                    "triggers": [{"triggerType": "QHT", "triggerCategory": "IMMEDIATE_REPORT"}],
                    "totalVolume": 5,
                }
            ],
        }
    ],
    pDUSessionChargingInformation={
        "pduSessionInformation": {
            "pduSessionID": 1,
            "dnnId": "internet",
            "networkSlicingInfo": {"sNSSAI": {"sst": 1, "sd": "00000A"}},
            "servingCNPlmnId": {"mcc": "999", "mnc": "70"},
        },
        "userLocationinfo": {"nrLocation": {"tai": {"plmnId": {"mcc": "999", "mnc": "70"}}}},
    },
    sMSChargingInformation=None,
)


def without(*path: str) -> dict[str, Any]:
    body = copy.deepcopy(request())
    place = body
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return body


@pytest.mark.parametrize(
    ("body", "cause", "param"),
    [
        (without("nfConsumerIdentification"), "MANDATORY_IE_MISSING", "/nfConsumerIdentification"),
        (
            without("nfConsumerIdentification", "nodeFunctionality"),
            "MANDATORY_IE_MISSING",
            "/nfConsumerIdentification/nodeFunctionality",
        ),
        (without("invocationTimeStamp"), "MANDATORY_IE_MISSING", "/invocationTimeStamp"),
        (without("invocationSequenceNumber"), "MANDATORY_IE_MISSING", "/invocationSequenceNumber"),
        (
            request(invocationSequenceNumber=2**32),
            "MANDATORY_IE_INCORRECT",
            "/invocationSequenceNumber",
        ),
        (
            request(invocationTimeStamp="yesterday"),
            "MANDATORY_IE_INCORRECT",
            "/invocationTimeStamp",
        ),
        (request(notifyUri="ftp://smf"), "OPTIONAL_IE_INCORRECT", "/notifyUri"),
        (
            request(oneTimeEvent=True, oneTimeEventType="NEVER"),
            "OPTIONAL_IE_INCORRECT",
            "/oneTimeEventType",
        ),
        (
            request(multipleUnitUsage=[{}]),
            "MANDATORY_IE_MISSING",
            "/multipleUnitUsage/0/ratingGroup",
        ),
        (without("subscriberIdentifier"), "CHARGING_FAILED", "/subscriberIdentifier"),
        (b"{", "INVALID_MSG_FORMAT", None),
        (b'{"a":' * 100_000, "INVALID_MSG_FORMAT", None),
        (b"\xff", "INVALID_MSG_FORMAT", None),
    ],
)
def test_what_is_wrong_is_named(body: Any, cause: str, param: str | None) -> None:
    answer = call(body)
    assert (answer.status, answer.body["cause"]) == (400, cause)
    assert answer.headers["content-type"] == "application/problem+json"
    if param is not None:
        assert [each["param"] for each in answer.body["invalidParams"]] == [param]


@pytest.mark.parametrize(
    ("result", "status", "cause"),
    [
        (Result.UNKNOWN_SUBSCRIBER, 404, "USER_UNKNOWN"),
        (Result.UNKNOWN_SESSION, 404, "CONTEXT_NOT_FOUND"),
        (Result.DENIED, 403, "END_USER_REQUEST_DENIED"),
        (Result.CREDIT_LIMIT, 403, "QUOTA_LIMIT_REACHED"),
        (Result.RATING_FAILED, 400, "CHARGING_FAILED"),
        (Result.INVALID, 400, "CHARGING_FAILED"),
        (Result.FAILED, 500, "SYSTEM_FAILURE"),
    ],
)
def test_a_refusal_of_the_whole_request(result: Result, status: int, cause: str) -> None:
    answer = call(WHOLE, attempt=lambda batch, _now: [refusal(each, result) for each in batch])
    assert (answer.status, answer.body["cause"]) == (status, cause)
    check_answer(
        CONVERGED, "/chargingdata", "post", status, "application/problem+json", answer.body
    )


def test_paths_methods_and_media_types() -> None:
    assert call(b"", "/elsewhere").status == 404
    assert call(b"", CHARGING + "/x/forget").status == 404
    wrong = call(b"", method="GET")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert call(WHOLE, headers={"content-type": "text/plain"}).status == 415
    assert call(WHOLE, headers={"content-type": "application/json; charset=utf-8"}).status == 201
    assert call(b" " * 1_000_001).status == 413
    assert call(b"", headers={"content-length": "1000001"}).status == 413


def test_a_head_has_no_body() -> None:
    answer = call(b"", method="HEAD")
    assert (answer.status, answer.body, answer.headers["allow"]) == (405, None, "POST")


def test_a_compressed_body_is_told_what_is_taken() -> None:
    octets = gzip.compress(json.dumps(WHOLE).encode())
    answer = call(octets, headers={"content-encoding": "gzip"})
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    assert call(octets).status == 400
    assert call(WHOLE, headers={"content-encoding": "identity"}).status == 201


def test_who_may_call() -> None:
    assert call(WHOLE, client="10.0.0.1:4").status == 403
    assert call(WHOLE, client="[::1]:4").status == 201


def test_an_access_token_opens_its_service(clock: DrivenClock) -> None:
    key = ECKey.generate_key("P-256", {"kid": "nrf"})
    nrf = NrfSettings("http://nrf.example", "http://192.0.2.10:7777", instance=INSTANCE)
    guarded = msgspec.structs.replace(SETTINGS, token_keys=KeySet([key]), nrf=nrf)
    now = int(clock.now().timestamp())

    def shown(claims: dict[str, Any] | None) -> int:
        headers = {}
        if claims is not None:
            headers["authorization"] = "Bearer " + jwt.encode(
                {"alg": "ES256", "kid": "nrf"}, claims, key, algorithms=["ES256"]
            )
        return call(WHOLE, settings=guarded, headers=headers, clock=clock).status

    good = {"aud": "CHF", "scope": "nchf-convergedcharging", "exp": now + 60}
    assert shown(good) == 201
    assert shown({**good, "aud": ["SMF", "CHF"]}) == 201
    assert shown({**good, "aud": [INSTANCE.upper()]}) == 201
    assert shown({**good, "aud": ["7f1c8a52-0000-5f0e-9a7c-2d6e8f901234"]}) == 401
    assert shown(None) == 401
    assert shown({**good, "exp": now - 60}) == 401
    assert shown({**good, "aud": "SMF"}) == 401
    assert shown({**good, "scope": "nchf-spendinglimitcontrol"}) == 403
    clock.advance(timedelta(seconds=120))
    assert shown(good) == 401
    answer = call(
        WHOLE, settings=guarded, headers={"authorization": "Bearer nonsense"}, clock=clock
    )
    assert answer.status == 401


def test_a_token_that_names_no_key_is_signed_by_any_of_the_nrf_s() -> None:
    """As free5GC's NRF has it; while it changes its key there are two."""
    made = [ECKey.generate_key("P-256") for _ in range(3)]
    known = [ECKey.import_key(each.as_pem(private=False)) for each in made[:2]]
    guarded = msgspec.structs.replace(SETTINGS, token_keys=KeySet(list(known)))
    exp = int(SystemClock().now().timestamp()) + 60
    claims = {"iss": "nrf", "aud": "CHF", "scope": "nchf-convergedcharging", "exp": exp}

    def shown(key: ECKey) -> int:
        token = jwt.encode({"alg": "ES256"}, claims, key, algorithms=["ES256"])
        return call(WHOLE, settings=guarded, headers={"authorization": f"Bearer {token}"}).status

    assert [shown(each) for each in made] == [201, 201, 401]


def _away(_batch: Any, _now: Any) -> list[ChargeAnswer]:
    raise RuntimeError("a defect")


def test_a_batch_that_fails_is_refused() -> None:
    answer = call(WHOLE, attempt=_away)
    assert (answer.status, answer.body["cause"]) == (500, "SYSTEM_FAILURE")


def test_a_database_that_is_away_is_waited_for() -> None:
    fail = [Unavailable("no database")]

    def attempt(batch: Any, now: Any) -> list[ChargeAnswer]:
        if fail:
            raise fail.pop()
        return [ChargeAnswer(Result.SUCCESS) for _ in batch]

    assert call(WHOLE, attempt=attempt).status == 201


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["imsi-1", "msisdn-+4670", "http://[", "2026-11-02T09:00:00Z", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*WHOLE, "ratingGroup", "totalVolume"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def _places(value: Any, found: list[Callable[[Any], None]]) -> None:
    """A setter for each place in a document."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        found.append(lambda new, key=key: value.__setitem__(key, new))  # type: ignore[misc]
        if isinstance(value[key], (dict, list)):
            _places(value[key], found)


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data())
def test_no_document_breaks_it(data: st.DataObject) -> None:
    body = copy.deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        places: list[Callable[[Any], None]] = []
        _places(body, places)
        places[data.draw(st.integers(0, len(places) - 1))](data.draw(JSON))
    path = data.draw(st.sampled_from(["", "/d-imsi-1-" + "0" * 24 + "/update", "/%00/release"]))
    answer = call(body, CHARGING + path)
    assert answer.status in (200, 201, 204, 400, 404)
    if answer.status in (200, 201):
        check("ChargingDataResponse", answer.body)


@settings(max_examples=examples(200), deadline=None)
@given(octets=st.binary(max_size=200), path=st.text(max_size=20))
def test_no_octets_break_it(octets: bytes, path: str) -> None:
    assert call(octets).status == 400
    assert call(octets, CHARGING + "/" + path).status in (400, 404)
    assert call(octets, CHARGING + "/" + path + "/update").status in (400, 404)

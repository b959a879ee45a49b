"""R1 to R16: what is promised, and the tests that hold it over either transport.

Tests of the client take ``IMBARI_CHAT_TRANSPORT``: one that is named for both runs over both, or is
about what no transport changes, or is to be run with ``rest`` there as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bench.table import columns

__all__ = ["PROMISES", "Promise", "as_promises"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What one row is about.

    Attributes:
        what: In a few words.
        websocket: Tests that hold it over the WebSocket, as ``file::test``.
        rest: Tests that hold it over REST and its streams; a test may be among both.
    """

    what: str
    websocket: tuple[str, ...]
    rest: tuple[str, ...]


_FAULTS: Final = "tests/faults/test_faults.py::test_nothing_is_lost_doubled_or_out_of_order"
_BOTH_FACES: Final = "tests/client/scenarios/test_scenarios.py::test_both_faces_do_the_same"
_OUTAGE: Final = "tests/client/test_transports.py::test_an_outage_is_said_and_survived"
_STREAMS: Final = "tests/engine/test_stream_outages.py"
_LINK: Final = "tests/engine/test_link.py"

PROMISES: Final[dict[str, Promise]] = {
    "R1": Promise(
        "nothing is missed after an outage of 5 s",
        (_OUTAGE, _FAULTS),
        (_OUTAGE, _FAULTS, f"{_STREAMS}::test_nothing_is_missed_and_nothing_comes_twice"),
    ),
    "R2": Promise(
        "nor after any other, however long",
        (_FAULTS, f"{_LINK}::test_what_opens_no_socket_is_an_outage_or_the_end"),
        (_FAULTS, f"{_STREAMS}::test_nothing_is_missed_and_nothing_comes_twice"),
    ),
    "R3": Promise(
        "what happened meanwhile is told, each once, in order, removals too",
        (
            "tests/client/test_outages.py::test_a_removal_during_an_outage_is_reported",
            "tests/client/test_moving.py::test_nothing_is_lost_repeated_or_out_of_order",
            _FAULTS,
        ),
        (
            "tests/net/test_sse.py::test_what_happened_meanwhile_is_told_once",
            "tests/together/test_order_and_gaps.py::test_a_conversation_tells_each_message_once_and_in_order",
            _FAULTS,
        ),
    ),
    "R4": Promise(
        "soon back; pauses that grow, with jitter, and may be cut short",
        (
            "tests/engine/test_attempts.py::test_somebody_who_waits_does_not_wait_long",
            f"{_LINK}::test_waits_grow_while_it_is_away_and_begin_anew_after_a_good_connection",
            f"{_LINK}::test_reconnecting_now_does_not_wait",
        ),
        (
            f"{_STREAMS}::test_after_five_seconds_away_the_first_event_comes_within_two",
            f"{_STREAMS}::test_attempts_during_a_long_outage_become_rare",
        ),
    ),
    "R5": Promise(
        "a half-open connection is noticed",
        (f"{_LINK}::test_silence_is_noticed_in_fifteen_seconds",),
        (f"{_STREAMS}::test_a_connection_that_is_half_open_is_noticed_within_45_seconds",),
    ),
    "R6": Promise(
        "no listener is dead in silence",
        (
            f"{_LINK}::test_a_denied_listen_ends_alone",
            "tests/client/test_transports.py::test_a_listener_that_may_not_listen_ends",
            "tests/client/test_handlers.py::test_lost_permission_is_told_to_everybody_at_once",
        ),
        (
            "tests/client/test_transports.py::test_a_listener_that_may_not_listen_ends",
            "tests/net/test_sse.py::test_a_rules_denial_reaches_the_consumer",
        ),
    ),
    "R7": Promise(
        "an exception in a callback costs no event",
        ("tests/client/test_handlers.py::test_an_exception_in_a_handler_costs_no_event",),
        ("tests/client/test_handlers.py::test_an_exception_in_a_handler_costs_no_event",),
    ),
    "R8": Promise(
        "closing takes no time, in every state",
        (
            "tests/net/test_websocket.py::test_closing_takes_no_time_and_leaves_nothing",
            "tests/net/test_auto.py::test_it_is_closed_at_once_whatever_it_is_doing",
        ),
        ("tests/net/test_closing.py::test_closing_takes_no_time_and_leaves_nothing",),
    ),
    "R9": Promise(
        "a program that ends is gone, with a word on what it takes along",
        (
            "tests/client/test_farewell.py::test_a_program_that_ends_in_an_outage_is_gone_at_once_and_names_what_is_left",
            "tests/client/test_farewell.py::test_one_ctrl_c_ends_a_program_that_iterates_in_an_outage",
        ),
        (
            "tests/client/test_farewell.py::test_a_program_that_ends_in_an_outage_is_gone_at_once_and_names_what_is_left",
            "tests/client/test_farewell.py::test_one_ctrl_c_ends_a_program_whose_reply_is_in_a_black_hole",
        ),
    ),
    "R10": Promise(
        "a send whose acknowledgement is lost is stored once",
        (
            f"{_LINK}::test_a_write_whose_answer_is_lost_is_unknown_and_not_sent_again",
            "tests/net/test_auto.py::test_a_write_that_was_sent_is_not_sent_again",
            _FAULTS,
        ),
        (
            "tests/identity/test_mapping.py::test_lost_connection_leaves_a_write_unknown",
            "tests/client/test_sending.py::test_a_reply_whose_answer_is_lost_is_there_once",
            _FAULTS,
        ),
    ),
    "R11": Promise(
        "nothing that is sent in an outage is lost, after kill -9 neither",
        (
            _BOTH_FACES,
            "tests/client/test_delivery.py::test_twenty_replies_in_an_outage_are_visible_and_arrive_in_order_once",
            "tests/client/test_durable_kills.py::test_killed_at_any_moment_each_message_is_stored_once_and_in_order",
        ),
        (_BOTH_FACES, _FAULTS),
    ),
    "R12": Promise(
        "a write into a black hole returns at its deadline, and does not lie",
        (
            "tests/client/test_transports.py::test_a_line_that_is_silent_is_answered_at_its_deadline",
            "tests/client/test_delivery.py::test_a_black_hole_ends_at_the_deadline_and_is_found_out_later",
        ),
        (
            "tests/client/test_transports.py::test_a_line_that_is_silent_is_answered_at_its_deadline",
            "tests/net/test_rest.py::test_a_write_that_hangs_is_unknown_at_its_deadline",
        ),
    ),
    "R13": Promise(
        "a message is never seen without its session's update",
        ("tests/client/test_sending.py::test_no_instant_shows_a_message_without_its_session",),
        ("tests/client/test_sending.py::test_no_instant_shows_a_message_without_its_session",),
    ),
    "R14": Promise(
        "what is cut anywhere arrives whole, 1 B to 16 MB",
        (
            "tests/net/test_splits.py::test_a_small_frame_may_be_cut_at_every_byte",
            "tests/net/test_splits.py::test_a_large_message_may_be_cut_anywhere",
            "tests/net/test_websocket.py::test_a_message_in_fragments_is_put_together",
        ),
        (
            "tests/net/test_splits.py::test_a_small_event_may_be_cut_at_every_byte",
            "tests/net/test_splits.py::test_a_large_event_may_be_cut_anywhere",
        ),
    ),
    "R15": Promise(
        "a token that ends costs no event and repeats none",
        (
            f"{_LINK}::test_a_credential_is_renewed_in_place",
            "tests/client/test_credentials.py::test_a_token_that_ends_costs_no_event_and_repeats_none",
        ),
        (
            f"{_STREAMS}::test_credentials_that_end_every_hour_are_replaced_without_a_sound",
            "tests/net/test_sse.py::test_a_revoked_credential_is_replaced_and_the_url_with_it",
        ),
    ),
    "R16": Promise(
        "nothing is written to a wrong place, from however many threads",
        (
            "tests/client/test_hosts.py::test_threads_that_write_at_once_keep_each_its_order_and_lose_nothing",
        ),
        (
            "tests/net/test_rest.py::test_calls_from_one_place_never_mix_up_their_paths",
            "tests/identity/test_user.py::test_many_threads_read_and_write_at_once",
        ),
    ),
}


def as_promises(names: Iterable[str]) -> str:
    """A line for each test of these rows."""
    lines = [("id", "what is promised", "over", "held by")]
    for name in names:
        promise = PROMISES[name]
        for over, tests in (("websocket", promise.websocket), ("rest", promise.rest)):
            lines += [(name, promise.what, over, test) for test in tests]
    return columns(lines)

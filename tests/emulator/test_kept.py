"""What strangers fill: the latest stays, and it never holds more than was agreed."""

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.auth.accounts import Accounts, OobCode
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.kept import Latest

BOUND = 3000


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh"), st.integers(0, 4000))))
def test_the_latest_stay_within_their_bytes(steps: list[tuple[bool, str, int]]) -> None:
    """Whatever is put and taken away, in whatever order."""
    latest: Latest[str] = Latest(BOUND, len)
    order: list[str] = []
    for put, key, size in steps:
        order = [each for each in order if each != key]
        if put:
            latest.put(key, "x" * size)
            order.append(key)
        else:
            latest.pop(key)
        assert latest.held <= BOUND or len(latest) == 1
        assert sum(map(len, latest)) <= latest.held
        here = [each for each in order if latest.get(each) is not None]
        assert here == order[len(order) - len(latest) :]
    latest.clear()
    assert (len(latest), latest.held) == (0, 0)


def test_codes_that_nobody_uses_are_forgotten_in_time() -> None:
    """Anybody may have one mailed to any address, with a link of megabytes."""
    accounts = Accounts("p")
    for number in range(100):
        link = f"http://x/{'y' * 100_000}"
        accounts.keep_code(
            OobCode(email="a@x", request_type="EMAIL_SIGNIN", code=f"c{number}", link=link)
        )
    assert sum(len(code.link) for code in accounts.codes()) <= 1024 * 1024
    assert accounts.code("c99") is not None
    assert accounts.code("c0") is None


def test_projects_that_were_only_named_are_forgotten() -> None:
    """Those with anything in them stay."""
    state = AuthState(project="p")
    code = OobCode(email="a@x", request_type="EMAIL_SIGNIN", code="c", link="http://x")
    state.accounts("mine").keep_code(code)
    for number in range(1000):
        state.accounts(f"n{number}")
    assert len(state.projects()) <= 200
    assert state.accounts("mine").code("c") == code

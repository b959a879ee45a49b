"""What strangers fill: the latest stays, and it never holds more than was agreed."""

from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.emulator.auth.accounts import Accounts, OobCode
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.kept import Latest

BOUND = 3000


@example([(True, "a", 1000), (True, "b", 1598)])  # which fill it
@example([(True, "a", 1000), (True, "b", 1599)])
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh"), st.integers(0, 4000))))
def test_the_latest_stay_within_their_bytes(steps: list[tuple[bool, str, int]]) -> None:
    """Whatever is put and taken away, in whatever order: as many as there is room for."""
    latest: Latest[str] = Latest(BOUND, len)
    here: dict[str, str] = {}

    def held() -> int:
        return sum(len(key) + len(value) + 200 for key, value in here.items())

    for put, key, size in steps:
        here.pop(key, None)
        if put:
            latest.put(key, "x" * size)
            here[key] = "x" * size
        else:
            latest.pop(key)
        while held() > BOUND and len(here) > 1:
            del here[next(iter(here))]
        assert (list(latest), latest.held) == (list(here.values()), held())
        assert [latest.get(each) for each in "abcdefgh"] == [here.get(each) for each in "abcdefgh"]
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


def test_projects_are_looked_through_when_there_are_64_more_of_them() -> None:
    """So naming one costs one look or two, however many have anything in them."""
    state, numbers = AuthState(project="p"), []
    code = OobCode(email="a@x", request_type="EMAIL_SIGNIN", code="c", link="http://x")
    for number in range(180):
        accounts = state.accounts(f"n{number}")
        if number in {0, 100}:
            accounts.keep_code(code)
        numbers.append(len(state.projects()))
    assert numbers == [*range(1, 65), *range(2, 66), *range(3, 67)][:180]

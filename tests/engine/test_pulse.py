"""Whether the other end is still there, told the time."""

from imbari_chat.engine.pulse import Pulse, PulsePolicy, Sign

POLICY = PulsePolicy(probe_after=10, stale_after=2, dead_after=5, keep_alive=45, answer_within=30)


def _signs(pulse: Pulse, until: float) -> list[tuple[float, Sign]]:
    """What is due up to then, at the moments that the pulse asks for."""
    signs = []
    while (now := pulse.deadline()) <= until:
        sign = pulse.due(now)
        assert sign is not None, "woken for nothing"
        signs.append((now, sign))
        if sign is Sign.DEAD:
            break
    return signs


def test_silence_is_asked_about_then_said_then_given_up() -> None:
    """Within fifteen seconds."""
    signs = _signs(Pulse(POLICY, 100.0), 200.0)
    assert signs == [(110.0, Sign.PROBE), (112.0, Sign.STALE), (115.0, Sign.DEAD)]


def test_each_is_said_once() -> None:
    """Whoever looks more often hears no more."""
    pulse = Pulse(POLICY, 0.0)
    assert [pulse.due(10.0), pulse.due(10.0)] == [Sign.PROBE, None]
    assert [pulse.due(12.0), pulse.due(12.5)] == [Sign.STALE, None]


def test_whatever_is_heard_puts_it_off() -> None:
    """And tells whether that was news."""
    pulse = Pulse(POLICY, 0.0)
    assert not pulse.heard(9.0)
    assert _signs(pulse, 21.0) == [(19.0, Sign.PROBE), (21.0, Sign.STALE)]
    assert pulse.heard(23.0)
    assert _signs(pulse, 33.0) == [(33.0, Sign.PROBE)]
    assert not pulse.heard(34.0)


def test_a_sign_of_life_is_given_whatever_is_said_besides() -> None:
    """Servers that know it wait for it."""
    pulse = Pulse(POLICY, 0.0)
    kept = []
    for now in range(100):
        pulse.heard(now)
        if pulse.deadline() <= now:
            kept.append((now, pulse.due(now)))
    assert kept == [(45, Sign.KEEP_ALIVE), (90, Sign.KEEP_ALIVE)]


def test_a_machine_that_slept_asks_before_it_gives_up() -> None:
    """The silence was its own."""
    pulse = Pulse(POLICY, 0.0)
    assert pulse.due(3600.0) is Sign.PROBE
    assert pulse.due(3600.0) is Sign.KEEP_ALIVE
    assert pulse.due(3601.0) is None
    assert pulse.heard(3601.5) is False


def test_an_answer_is_owed_no_longer_than_it_may_be_whatever_is_said_besides() -> None:
    """By each request; but while a message arrives no time passes, nor while the machine slept."""
    pulse = Pulse(POLICY, 0.0)

    def push(now: float) -> None:
        pulse.heard(now)
        pulse.whole(now)

    push(1.0)
    pulse.owed(7, 2.0)
    for now in range(3, 32):
        push(now)
        pulse.owed(7, now)
    assert (pulse.deadline(), pulse.due(31.9)) == (32.0, None)
    pulse.owed(8, 31.9)
    assert pulse.due(32.0) is None
    pulse.heard(41.9)  # a long one begins
    for now in range(42, 100):
        pulse.heard(now)
        assert pulse.due(now) in (None, Sign.KEEP_ALIVE)
    pulse.whole(100.0)
    push(110.0)
    push(119.0)
    assert pulse.due(119.9) is None
    push(3600.0)  # and nobody was awake to hear what there was in between
    assert pulse.due(3600.0) is not Sign.DEAF
    for now in range(3601, 3630):
        push(now)
        assert pulse.due(now) in (None, Sign.KEEP_ALIVE)
    assert pulse.due(3630.0) is Sign.DEAF
    pulse.owed(None, 3630.0)
    assert pulse.due(3630.0) is None


def test_who_was_asked_for_another_reason_is_given_as_long() -> None:
    """Asking twice gives no more time."""
    pulse = Pulse(POLICY, 0.0)
    pulse.probed(3.0)
    pulse.probed(4.0)
    assert _signs(pulse, 20.0) == [(5.0, Sign.STALE), (8.0, Sign.DEAD)]


def test_while_what_was_asked_for_is_on_its_way_out_silence_means_nothing() -> None:
    """Nor that other things are said; a line on which nothing moves is given up as ever."""
    pulse = Pulse(POLICY, 0.0)
    pulse.owed(1, 0.0)
    for now in range(9, 200, 10):
        assert not pulse.moved(now)
        assert pulse.due(now + 0.9) in (None, Sign.KEEP_ALIVE)
    assert pulse.moved_at == 199
    signs = _signs(pulse, 300.0)
    assert [sign for _, sign in signs if sign is not Sign.KEEP_ALIVE] == [
        Sign.PROBE,
        Sign.STALE,
        Sign.DEAD,
    ]
    assert signs[-1] == (214.0, Sign.DEAD)


def test_what_moved_before_the_other_end_was_asked_is_no_sign_of_it() -> None:
    """It is learned late; what moves later is a sign, and news if it had been stale."""
    pulse = Pulse(POLICY, 0.0)
    assert pulse.due(10.0) is Sign.PROBE
    assert pulse.due(12.0) is Sign.STALE
    assert not pulse.moved(9.0)
    assert pulse.deadline() == 15.0
    assert pulse.moved(13.0)
    assert pulse.deadline() == 23.0


def test_a_long_answer_that_arrives_is_waited_for_whatever_leaves() -> None:
    """No time passes for what is owed, and none begins to."""
    pulse = Pulse(POLICY, 0.0)
    pulse.owed(1, 0.0)
    pulse.heard(20.0)
    pulse.moved(25.0)
    for now in range(29, 200, 5):
        pulse.heard(now)
        assert pulse.due(now) in (None, Sign.KEEP_ALIVE)

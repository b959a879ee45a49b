"""Examples of every command, for help pages and manual pages. The program takes each of them."""

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["EXAMPLES"]

EXAMPLES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "": [
        ("imbari-chat demo", "see it at work; needs nothing"),
        ("imbari-chat inbox", "list the conversations, and number them"),
        ("imbari-chat reply 1 'Every Tuesday.' --read", "answer the first of that list"),
        ("imbari-chat help", "what else there is to read"),
    ],
    "desk": [
        ("imbari-chat desk", "read and answer all day; ? shows the keys"),
        ("imbari-chat desk --peek", "look on, and mark nothing read"),
    ],
    "inbox": [
        ("imbari-chat inbox --unread --since 2h", "what came in two hours and nobody has read"),
        ("imbari-chat inbox --limit 5000 --total", "more of it, and how much there is"),
        ("imbari-chat inbox --ids --since 1w | imbari-chat show - --peek", "all of a week"),
        ("imbari-chat inbox --fields id,customer_email", "two columns, for another program"),
    ],
    "show": [
        ("imbari-chat show 1", "read the first of the list that this terminal printed last"),
        ("imbari-chat show amina@example.com --peek", "by e-mail, and mark nothing read"),
        ("imbari-chat show 1 3 --json", "two conversations, for a program"),
    ],
    "history": [
        ("imbari-chat history 1", "all of a conversation, page by page"),
        ("imbari-chat history 1 --since 2024-03-12 --until 2024-03-13", "one day of it"),
    ],
    "reply": [
        ("imbari-chat reply 1 'Every Tuesday.' --read", "answer, and mark what came before read"),
        ("imbari-chat reply amina@example.com - --resolve < answer.txt", "a file, and close"),
        ("imbari-chat reply 1", "write it in your editor"),
    ],
    "watch": [
        ("imbari-chat watch --bell", "each message as it comes, and ring"),
        ("imbari-chat watch --event resolved --event reopened", "only what is closed and reopened"),
        (
            "imbari-chat watch --since 8h --until +30m --jsonl",
            "from this morning, for half an hour",
        ),
        ("imbari-chat watch --event message --exec ./notify", "run a program; JSON is its input"),
    ],
    "resolve": [
        ("imbari-chat resolve 1 2", "close two matters"),
        ("imbari-chat inbox --ids --limit 3 | imbari-chat resolve -", "those of a list"),
    ],
    "reopen": [("imbari-chat reopen 1", "take it up again")],
    "assign": [
        ("imbari-chat assign 1", "it is yours; nobody else answers"),
        ("imbari-chat assign 1 --to Noor", "hand it over"),
        ("imbari-chat assign 1 --take", "take it although a colleague has it"),
        ("imbari-chat assign 1 --release", "nobody has it"),
    ],
    "label": [
        ("imbari-chat label 1 wholesale urgent", "say what it is about"),
        ("imbari-chat label 1 --remove urgent", "and what it is not any more"),
        ("imbari-chat inbox --label wholesale", "list those"),
    ],
    "snooze": [
        ("imbari-chat snooze 1 2h", "out of sight until then, or until the customer writes"),
        ("imbari-chat snooze 1 tomorrow", "until nine o'clock"),
        ("imbari-chat snooze 1 --wake", "back at once"),
    ],
    "notes": [
        ("imbari-chat notes 1 'Calls back on Monday'", "for colleagues alone"),
        ("imbari-chat notes 1", "read them"),
        ("imbari-chat notes 1 --delete -Oabc", "take one away"),
    ],
    "block": [
        ("imbari-chat block 1 --reason Shouts --until 3d", "take no more from its customer"),
        ("imbari-chat block 1 --lift", "let them write again"),
        ("imbari-chat block", "who is blocked"),
    ],
    "canned": [
        ("imbari-chat canned list", "those that are ready"),
        ("imbari-chat reply 1 /shipped", "send one"),
    ],
    "canned list": [("imbari-chat canned list", "those that are ready")],
    "canned show": [("imbari-chat canned show shipped", "one of them, with its placeholders")],
    "canned save": [
        (
            "imbari-chat canned save shipped 'It is on its way, {first_name}.'",
            "keep one; reply 1 /shipped sends it",
        )
    ],
    "canned delete": [("imbari-chat canned delete shipped", "keep it no more")],
    "search": [
        ("imbari-chat search kampala", "conversations that speak of it"),
        ("imbari-chat search refund 'order 1234' --since 1w", "all these words, in a week"),
        ("imbari-chat search refund --ids | imbari-chat show - --peek", "and read them"),
    ],
    "export": [
        ("imbari-chat export --output chats.csv", "everything, for a spreadsheet"),
        ("imbari-chat export 1 2 --format md", "two conversations, to read"),
        ("imbari-chat export --since 1w | wc -l", "a week, as JSON Lines"),
    ],
    "outbox": [("imbari-chat outbox list", "what waits on this machine")],
    "outbox list": [("imbari-chat outbox list --of customer", "what a customer's program left")],
    "outbox show": [("imbari-chat outbox show 1", "the whole text, and why it was refused")],
    "outbox flush": [
        ("imbari-chat outbox flush", "send what waits"),
        ("imbari-chat outbox flush --held --timeout 30", "and what is held, for half a minute"),
    ],
    "outbox drop": [("imbari-chat outbox drop 1", "give a message up")],
    "outbox hold": [("imbari-chat outbox hold 1", "do not send it yet")],
    "demo": [
        ("imbari-chat demo", "play the team; the customers are simulated"),
        ("imbari-chat demo --web", "with the website's chat widget and dashboard"),
        ("imbari-chat demo --headless --seed 7", "played out and checked, without a terminal"),
    ],
    "customer": [
        (
            "imbari-chat customer --name Amina --email amina@example.com",
            "be a customer; Ctrl-D leaves",
        ),
        (
            "echo 'Do you ship?' | imbari-chat customer --name A --email a@example.com --wait 60",
            "ask, and wait for an answer",
        ),
    ],
    "auth": [("imbari-chat auth login desk@example.com", "sign in as an admin")],
    "auth login": [
        ("imbari-chat auth login desk@example.com", "the password is asked for"),
        ("pass desk | imbari-chat auth login desk@example.com --password-stdin", "or piped in"),
    ],
    "auth logout": [("imbari-chat auth logout", "forget the sign-in")],
    "auth status": [("imbari-chat auth status --json", "who commands act as, for a program")],
    "auth token": [
        (
            'curl "$URL/chatSessions.json?auth=$(imbari-chat auth token)&shallow=true"',
            "ask the database as who is signed in",
        )
    ],
    "admins": [("imbari-chat admins list", "who is an admin")],
    "admins list": [("imbari-chat admins list --json", "for a program")],
    "admins grant": [("imbari-chat admins grant desk@example.com", "make an account an admin")],
    "admins revoke": [("imbari-chat admins revoke desk@example.com", "and take it back")],
    "admins create": [("imbari-chat admins create desk@example.com", "a new account, an admin")],
    "doctor": [
        ("imbari-chat doctor", "is everything set up?"),
        ("imbari-chat doctor --fix-unread", "put unread counts right that drifted"),
    ],
    "emulator": [("imbari-chat emulator exec -- pytest", "run tests beside a fresh database")],
    "emulator start": [
        ("imbari-chat emulator start", "at the usual ports, until Ctrl-C"),
        ("imbari-chat emulator start --data here --rules my.rules.json", "kept, under own rules"),
    ],
    "emulator exec": [("imbari-chat emulator exec -- pytest", "run tests beside a fresh database")],
    "rules": [("imbari-chat rules check database.rules.json", "is it in order?")],
    "rules check": [("imbari-chat rules check database.rules.json", "is it in order?")],
    "rules explain": [
        (
            "imbari-chat rules explain read /chatSessions --as-admin",
            "may an admin list conversations, and which rule says so",
        )
    ],
    "rules get": [("imbari-chat rules get > database.rules.json", "keep the rules in force")],
    "rules deploy": [
        ("imbari-chat rules deploy database.rules.json", "see the difference, then deploy")
    ],
    "config": [("imbari-chat config trust", "consent to this directory's imbari-chat.toml")],
    "config trust": [("imbari-chat config trust --withdraw", "consent no longer")],
    "completion": [
        (
            "imbari-chat completion bash > ~/.local/share/bash-completion/completions/imbari-chat",
            "for bash, from the next shell on",
        ),
        ("imbari-chat completion fish > ~/.config/fish/completions/imbari-chat.fish", "for fish"),
    ],
    "help": [
        ("imbari-chat help exit-codes", "what a script can tell apart"),
        ("imbari-chat help auth login", "the same as auth login --help"),
    ],
    "version": [("imbari-chat version", "which one this is")],
}
"""By the words of the command; the line, and what it is for."""

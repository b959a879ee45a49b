"""``customer``: the widget in a terminal, or in a pipe.

At a terminal the lead form is asked field by field and messages are written at a prompt, above
which the answers appear. In a pipe nothing is asked: the form comes from options, each line of
standard input is a message, and answers go to standard output. A message is handed over and not
waited for; what becomes of it is said when it is not simply sent, and what has not arrived in the
end is given back.

Who the customer is stays stored as a sign-in of the profile; their conversation is the newest one
that the database lists for them. So nothing is kept here that could contradict either.

lead      the lead form, from options and answers
visit     one visit to the chat: what is said, printed and given back
terminal  a person at a prompt
pipe      lines of standard input
run       both; :func:`~imbari_chat.cli.customer.run.run_customer`
"""

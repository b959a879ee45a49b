"""The command line. Commands are thin; what they need is imported when they run.

main             which commands there are, and the order they are shown in
program          options of the program, and the boundary around every command
app              commands and families as Typer has them, and their help pages
arguments        the order of words on a command line
examples         examples of every command
topics           help, and what it has to say besides the commands
completion       completion, and what is offered for a conversation
desk             desk
remains          what was sent from the desk and has not arrived when it ends
inbox            inbox
show             show, history
reply            reply, resolve, reopen
watch            watch
watch_lines      what watch tells of, as lines
customer         customer: the customer's side at a terminal and in a pipe
demo             demo: an emulator, simulated customers and the desk
auth             auth login, logout, status
admins           admins create, grant, revoke, list
emulator         emulator start, exec
emulator_options an emulator as its options ask for it; rules that follow their files
rules            rules check, get, deploy
explain          rules explain
doctor           doctor
checks           what the doctor found
surroundings     what the doctor says of terminal, clock, connections and rules
waiting          a line that says that a command waits
light            options of simple kinds, read without loading Pydantic
options          what several commands take, and the settings behind it
session_refs     how a person names a conversation, and what a number means
records          records for programs: JSON, ids, rows
data_text        JSON and rows as text
since            how a person names an instant
docstrings       docstrings by their sections
rules_file       files of rules and of what they are tried with, and mistakes in them
editor           a reply's text: argument, standard input or editor; never lost
columns          columns that stay where they are, whoever counts
tables           records as tables and transcripts
event_loop       a command's coroutine, run until it ends or is interrupted
stdout           the only writer of standard output, but for the desk; records as JSON
stderr           the only writer of standard error
exit_codes       exit codes, and the one place where errors become them
"""

"""The command line. Commands are thin; what they need is imported when they run.

main        which commands there are, and the order they are shown in
program     options before the command, and the boundary around every command
inbox       inbox, show, watch
reply       reply, resolve, reopen
visitor     customer, demo
auth        auth login, logout, status
admins      admins create, grant, revoke, list
emulator    emulator start, exec
arrangement an emulator as its options ask for it; rules that follow their files
rules       rules check, get, deploy
explain     rules explain
doctor      doctor
customer    the customer's side at a terminal and in a pipe
live        the live inbox on a terminal
demo        an emulator, simulated customers and the live inbox
light       options of simple kinds, read without loading Pydantic
options     what several commands take, and the settings behind it
references  how a person names a conversation
rules_file  files that the rules commands read, and mistakes in them
draft       a reply's text: argument, standard input or editor; never lost
drawing     records as tables and transcripts
output      the only writer of standard output, but for the live inbox; records as JSON
narration   the only writer of standard error
exits       exit codes, and the one place where errors become them
"""

"""The command line. Commands are thin; what they need is imported when they run.

main        which commands there are, and the order they are shown in
inbox       inbox, show, watch
reply       reply, resolve, reopen
visitor     customer, demo
auth        auth login, logout, status
admins      admins create, grant, revoke, list
emulator    emulator start, exec
doctor      doctor
options     what several commands take, and the settings behind it
references  how a person names a conversation
draft       a reply's text: argument, standard input or editor; never lost
drawing     records as tables and transcripts
output      the only writer of standard output
narration   the only writer of standard error
exits       exit codes, and the one place where errors become them
"""

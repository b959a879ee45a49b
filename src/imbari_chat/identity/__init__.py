"""Who is asking: each caller's way into the database, and the accounts behind it.

Nothing is exported here, because every module below loads the library of one role:
:mod:`~imbari_chat.identity.service` (service account, and an emulator's owner),
:mod:`~imbari_chat.identity.user` and :mod:`~imbari_chat.identity.sign_in` (customers and admins),
:mod:`~imbari_chat.identity.accounts` (who is an admin),
:mod:`~imbari_chat.identity.token_store` (what a sign-in leaves on disk),
:mod:`~imbari_chat.identity.factory` (settings to an identity).
"""

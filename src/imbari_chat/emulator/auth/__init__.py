"""The Auth half of the emulator: Identity Toolkit and Secure Token as Google's emulator has them.

``app`` speaks HTTP; everything under it is told the time and handed its randomness, and touches
nothing but the state it is given:

    routing     which operation a path names, and who may call it
    signin      sign up, sign in with a password or a custom token
    idp         sign in with an identity provider
    emaillink   sign in by a mailed link
    phone       sign in with a phone number
    sessions    ID tokens, refresh tokens, session cookies
    profiles    lookup, update, delete
    oob, links  mailed codes, and the links they travel in
    listing     pages of users, batch deletion
    imports     taking over users
    projects    a project's own settings and the emulator's controls
    claims      what an ID token says
    credentials what passes for an e-mail address, a password, a phone number
    account     one user, and its JSON
    accounts    the users of a project, its codes and settings
    state       the projects
    call        one call: whose, when, with what
    schemas     which type each field of a request has
    fields      a request's body, leniently read
    uris        what passes for an address, and how one is written
    errors      how the service says no
"""

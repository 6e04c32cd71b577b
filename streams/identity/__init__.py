"""Room 2b.  Identity: which statements say that two aliases are one person.

Links and owners are folded in `profile`; here stands what an email address may say.
"""

from streams.identity.mail import is_role_mailbox

__all__ = ["is_role_mailbox"]

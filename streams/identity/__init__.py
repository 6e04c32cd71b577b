"""Room 2b.  Identity: which statements say that two aliases are one person, and what an operator says against it.

Links and owners are folded in `profile`; here stands what an email address may say, and how a command reads.
"""

from streams.identity.commands import COMMANDS, Command, encode_command, parse_command
from streams.identity.mail import is_role_mailbox

__all__ = ["COMMANDS", "Command", "encode_command", "is_role_mailbox", "parse_command"]

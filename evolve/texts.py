"""Text as it can be kept anywhere."""


def storable(text: str) -> str:
    """`text` as any database takes it: lone surrogates and NUL are written as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")

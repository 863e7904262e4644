"""Photos as they come and as they are kept.

`preparer` hands a photo to `decoder`, a process of its own; they speak the `protocol`. `store` keeps the bytes. Nothing
is imported here: the decoder's process loads no more than it needs.
"""

"""Preparing and storing photos.

`preparer` passes a photo to `decoder`, a process of its own, by the `protocol`; `store` holds the result. Nothing is
imported here, so that the decoder's process loads no more than it needs.
"""

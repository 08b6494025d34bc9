"""What steps expect of calls and streams."""

import everruns_sdk


async def refused(call, status):
    try:
        await call
    except everruns_sdk.ApiError as error:
        assert error.status_code == status, error
    else:
        raise AssertionError(f"the client was not told {status}")


async def read(stream, until):
    """The events of a stream to the first of a type."""
    seen = []
    async for event in stream:
        seen.append(event)
        if event.type == until:
            break
    stream.stop()
    return seen

"""`python -m app`: the service on every core. Settings: SERVICE_* in the environment."""

import gc

if __name__ == "__main__":
    # Importing makes objects that live for ever: looking through them for garbage takes a tenth of its time.
    gc.disable()

    from app.command import main

    main()

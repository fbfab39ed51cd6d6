"""What clients already speak: pure translations into and out of the service's one way of answering.

Each protocol turns its request into columns, exactly what stands under "data" in the body of /get_prediction, and
hands them through `door.Door`; the same decoder validates them, the same log keeps them, the same model answers. So a
protocol decides how a value is written, and never whether it is allowed.
"""

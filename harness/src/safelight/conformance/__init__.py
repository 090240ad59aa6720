"""The conformance suite: what an emulator does, found out by doing it.

Each :class:`~safelight.conformance.question.Question` does something to S3, SQS or Lambda and
puts what came of it into a few words, the same each time.  Beside it stands what AWS's
documentation says.  What the three emulators answer is kept in ``docs/emulators.json`` and shown
in ``docs/emulators.md``; the tests ask again and compare.

``python -m safelight.conformance`` is the command.
"""

"""The one artifact: a folder that holds a model, its contract, and what is needed to trust both.

    pipeline.joblib   the scikit-learn pipeline, the source of truth
    model.onnx        its compiled form, which is what serves; absent where there is none: then the pipeline serves
    contract.json     the contract it was trained under
    reference.json    what the training rows looked like, for the monitors
    metrics.json      cross-validation and hold-out, with intervals
    selftest.json     rows with the pipeline's own answers
    card.md, pictures/*.png
    manifest.json     sha256 of each file, and where it all comes from
    manifest.sig      an Ed25519 signature of manifest.json, where training has a key (model.signature)

A bundle is immutable: it is written under a temporary name, flushed, and renamed. Loading checks signature and hashes
before it parses anything, on the very bytes that it then uses, constructs, and asks the self-test. The process that
loads never unpickles: a pipeline that serves does so in a process of its own (model.pipeline_process).

    manifest  what the manifest says     writing  parts -> folder       durable  files that survive a power cut
    reading   bytes, bounded, no links   loading  folder -> Bundle
"""

from model.bundle.durable import flush_folder, replace_file, write_durably
from model.bundle.loading import Bundle, check_selftest, load, read_manifest
from model.bundle.manifest import Facts, Learned, Manifest, ServedBy
from model.bundle.writing import find_content, sign_folder, write

__all__ = [
    "Bundle",
    "Facts",
    "Learned",
    "Manifest",
    "ServedBy",
    "check_selftest",
    "find_content",
    "flush_folder",
    "load",
    "read_manifest",
    "replace_file",
    "sign_folder",
    "write",
    "write_durably",
]

"""Writes event.hex: a TensorBoard event as TensorFlow 2.21 writes it. Needs tensorflow-cpu==2.21."""
import glob
import pathlib
import tempfile

import tensorflow as tf
from tensorflow.core.framework import summary_pb2
from tensorflow.core.util import event_pb2

event = event_pb2.Event(
    wall_time=1.5,
    step=3,
    summary=summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="epoch_loss", simple_value=0.5)]),
)
with tempfile.TemporaryDirectory() as directory:
    path = f"{directory}/record"
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(event.SerializeToString())
    data = pathlib.Path(glob.glob(path)[0]).read_bytes()
pathlib.Path(__file__).with_name("event.hex").write_text(data.hex() + "\n")

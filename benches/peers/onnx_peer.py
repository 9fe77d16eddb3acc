"""ONNX Runtime's side of the race, prediction only: python onnx_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is ONNX Runtime's default; VARIANT has no meaning. Weights are noise.
"""
import json
import sys
import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CALLS = {"dense": 5000, "cnn": 1000}


class Graph:
    """A chain of nodes, each on the output of the one before."""

    def __init__(self, shape):
        self.shape, self.at, self.nodes, self.weights = shape, "x", [], []
        self.random = np.random.default_rng(1)

    def add(self, kind, *weights, **attributes):
        names = []
        for shape in weights:
            names.append(f"w{len(self.weights)}")
            values = self.random.uniform(-0.1, 0.1, shape).astype(np.float32)
            self.weights.append(numpy_helper.from_array(values, names[-1]))
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.at, *names], [output], **attributes))
        self.at = output
        return self

    def session(self, threads):
        tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(
            self.nodes, "model", [tensor("x", ["n", *self.shape])], [tensor(self.at, ["n", 10])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def dense():
    graph = Graph((784,))
    for inputs, units in [(784, 64), (64, 64)]:
        graph.add("Gemm", (inputs, units), (units,)).add("Relu")
    return graph.add("Gemm", (64, 10), (10,)).add("Softmax")


def cnn():
    graph = Graph((1, 28, 28))
    for before, filters, pool in [(1, 32, True), (32, 64, True), (64, 64, False)]:
        graph.add("Conv", (filters, before, 3, 3), (filters,)).add("Relu")
        if pool:
            graph.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    return graph.add("Flatten").add("Gemm", (576, 10), (10,)).add("Softmax")


MODELS = {"dense": dense, "cnn": cnn}


def main(threads, benches):
    for bench in benches:
        name, _, kind = bench.partition("-")
        if name not in MODELS or kind not in ("predict", "predict-1"):
            continue
        graph, batch, calls = MODELS[name](), 32 if kind == "predict" else 1, CALLS[name]
        session = graph.session(threads)
        x = {"x": np.random.default_rng(2).random((batch, *graph.shape), dtype=np.float32)}
        for _ in range(calls // 10):
            session.run(None, x)
        clock = time.perf_counter()
        for _ in range(calls):
            session.run(None, x)
        ms = 1e3 * (time.perf_counter() - clock) / calls / batch
        print(json.dumps({"bench": bench, "ms": ms}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[3:])

"""Writes recurrent.safetensors: small recurrent models trained by Keras, for tests/recurrent/parity.rs."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "fornax-testkit/goldens"))
from keras_parity import case as any_case, write


def case(name, *arguments, **options):
    any_case(name, *arguments, **{"steps": 30, "optimizer": ("Adam", {"learning_rate": 0.01}), **options})


def head(units=3):
    return ("Dense", {"units": units})


# Keras's Adam squares the gradients of a word's occurrences one by one where a batch holds it several times: models with
# an embedding are trained by plain gradient descent.
SGD = ("SGD", {"learning_rate": 0.05})
l2 = {"class_name": "L2", "config": {"l2": 0.02}}
l1 = {"class_name": "L1", "config": {"l1": 0.01}}
norm = {"class_name": "MaxNorm", "config": {"max_value": 0.8, "axis": 0}}
CELLS = {"SimpleRNN": ("SimpleRNN", {}), "LSTM": ("LSTM", {}), "GRU": ("GRU", {}), "GRU reset before": ("GRU", {"reset_after": False})}
for label, (cls, base) in CELLS.items():
    states = 2 if cls == "LSTM" else 1

    def layer(**config):
        return (cls, {"units": 4, **base, **config})

    case(f"{label} last output", [(5, 3)], [layer(), head()])
    case(f"{label} sequences", [(5, 3)], [layer(return_sequences=True), head()])
    case(f"{label} stacked", [(5, 3)], [layer(return_sequences=True), layer(), head()])
    case(f"{label} backwards", [(5, 3)], [layer(return_sequences=True, go_backwards=True), head()])
    case(f"{label} backwards, last output", [(5, 3)], [layer(go_backwards=True), head()])
    case(f"{label} without bias", [(5, 3)], [layer(use_bias=False), head()])
    case(f"{label} other activations", [(5, 3)],
         [layer(activation="softsign", **({} if cls == "SimpleRNN" else {"recurrent_activation": "hard_sigmoid"})), head()])
    case(f"{label} relu", [(5, 3)], [layer(activation="relu"), head()], scale=0.3)
    case(f"{label} regularized", [(5, 3)],
         [layer(kernel_regularizer=l2, recurrent_regularizer=l1, bias_regularizer=l2,
                # Keras's SimpleRNN forgets it.
                **({} if cls == "SimpleRNN" else {"activity_regularizer": l2})), head()])
    case(f"{label} constrained", [(5, 3)],
         [layer(kernel_constraint=norm, recurrent_constraint=norm), head()])
    masked = ("Masking", {"mask_value": 0.0})
    case(f"{label} padded", [(5, 3)], [masked, layer(), head()], x="padded")
    case(f"{label} padded, sequences", [(5, 3)], [masked, layer(return_sequences=True), head()], x="padded")
    case(f"{label} with holes", [(6, 3)], [masked, layer(return_sequences=True), layer(), head()], x="holes")
    case(f"{label} with holes, backwards", [(6, 3)], [masked, layer(go_backwards=True), head()], x="holes")
    case(f"{label} zeros where masked", [(6, 3)], [masked, layer(return_sequences=True, zero_output_for_mask=True), head()], x="holes")
    case(f"{label} on an embedding", [(6,)],
         [("Embedding", {"input_dim": 5, "output_dim": 3, "mask_zero": True}), layer(), head()], x=5,
         optimizer=SGD)
    case(f"{label} from states", [(5, 3)] + [(4,)] * states, [layer(), head()], [(0, list(range(1 + states))), (1, [1 + states])])
    case(f"{label} states out", [(5, 3)], [layer(return_state=True, return_sequences=True)], outputs=list(range(1, 2 + states)))
    case(f"{label} states out, with holes", [(5, 3)], [masked, layer(return_state=True)], outputs=list(range(2, 3 + states)), x="holes")
    case(f"{label} decoder from an encoder's states", [(5, 3), (4, 2)],
         [layer(return_state=True), layer(return_sequences=True), head()],
         [(0, [0]), (1, [1, *range(3, 3 + states)]), (2, [3 + states])])
    case(f"{label} stateful", [(5, 3)], [layer(stateful=True, batch_size=5, return_sequences=True), head()],
         samples=5, batch=5, stateful=True)

    def both(mode="concat", **config):
        return ("Bidirectional", {"layer": {"class_name": cls, "config": {"units": 4, **base, **config}}, "merge_mode": mode})

    for mode in ("concat", "sum", "mul", "ave"):
        case(f"{label} bidirectional {mode}", [(5, 3)], [both(mode, return_sequences=True), head()])
    case(f"{label} bidirectional, both outputs", [(5, 3)], [both(None, return_sequences=True)], outputs=[1, 2])
    case(f"{label} bidirectional, last output", [(5, 3)], [both(), head()])
    case(f"{label} bidirectional, padded", [(5, 3)], [masked, both(return_sequences=True), both(), head()], x="padded")
    case(f"{label} bidirectional, with holes", [(6, 3)], [masked, both("sum", return_sequences=True), head()], x="holes")
    case(f"{label} bidirectional from states", [(5, 3)] + [(4,)] * (2 * states),
         [both(return_state=True)], [(0, list(range(1 + 2 * states)))], outputs=list(range(1 + 2 * states, 2 + 4 * states)))

case("LSTM forget bias", [(5, 3)], [("LSTM", {"units": 4, "unit_forget_bias": False}), head()])
for inner in (("Dense", {"units": 4, "activation": "tanh"}), ("Dense", {"units": 4, "activation": "softmax"})):
    case(f"TimeDistributed {inner[1]['activation']}", [(5, 3)],
         [("TimeDistributed", {"layer": {"class_name": inner[0], "config": inner[1]}})],
         **({"y": "class", "loss": "SparseCategoricalCrossentropy"} if inner[1]["activation"] == "softmax" else {}))
case("TimeDistributed Conv2D", [(3, 5, 5, 2)],
     [("TimeDistributed", {"layer": {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": 3}}}), ("Flatten", {}), head()])
case("listing rnn", [(10, 1)], [("LSTM", {"units": 8, "return_sequences": True}), ("LSTM", {"units": 8, "return_sequences": True}),
                                ("Dense", {"units": 4, "activation": "softmax"})],
     y="class", loss="SparseCategoricalCrossentropy", covers=["listing 3"])
case("listing text", [(12,)], [("Embedding", {"input_dim": 20, "output_dim": 6}), ("LSTM", {"units": 8}), ("Dense", {"units": 4, "activation": "softmax"})],
     x=20, optimizer=SGD, y="class", loss="SparseCategoricalCrossentropy", covers=["listing 4"])

masked = ("Masking", {"mask_value": 0.0})
for label, (cls, base) in CELLS.items():
    states = 2 if cls == "LSTM" else 1

    def layer(**config):
        return (cls, {"units": 4, **base, **config})

    def both(mode="concat", **config):
        return ("Bidirectional", {"layer": {"class_name": cls, "config": {"units": 4, **base, **config}}, "merge_mode": mode})

    case(f"{label} cell", [(3,)] + [(4,)] * states, [(cls + "Cell", {"units": 4, **base})],
         [(0, list(range(1 + states)))], outputs=list(range(1 + states, 1 + 2 * states)))
    case(f"{label} of 17 units, padded", [(9, 5)], [masked, (cls, {"units": 17, **base}), head()], x="padded")
    case(f"{label} padded in front, sequences", [(6, 3)], [masked, layer(return_sequences=True), head()], x="padded in front")
    case(f"{label} padded in front, last output", [(6, 3)], [masked, layer(), head()], x="padded in front")
    case(f"{label} one row empty", [(6, 3)], [masked, layer(return_sequences=True), layer(), head()], x="holes, one row empty")
    # Keras leaves the mask of reversed outputs as it was; behind Flatten there is none.
    for zeros in (False, True):
        case(f"{label} with holes, backwards, sequences{', zeros where masked' * zeros}", [(6, 3)],
             [masked, layer(return_sequences=True, go_backwards=True, zero_output_for_mask=zeros), ("Flatten", {}), head()], x="holes")
    case(f"{label} from states, with holes", [(6, 3)] + [(4,)] * states, [masked, layer(), head()],
         [(0, [0]), (1, [1 + states, *range(1, 1 + states)]), (2, [2 + states])], x="holes")
    case(f"{label} from states, backwards, states out", [(5, 3)] + [(4,)] * states, [layer(go_backwards=True, return_state=True)],
         [(0, list(range(1 + states)))], outputs=list(range(1 + states, 2 + 2 * states)))
    for mode in ("concat", "mul", "ave"):
        case(f"{label} bidirectional {mode}, padded in front", [(6, 3)], [masked, both(mode, return_sequences=True), head()], x="padded in front")
    case(f"{label} bidirectional, both outputs, with holes", [(6, 3)], [masked, both(None, return_sequences=True)], outputs=[2, 3], x="holes")
    case(f"{label} bidirectional, one row empty", [(6, 3)], [masked, both("mul", return_sequences=True), both("sum"), head()], x="holes, one row empty")
    case(f"{label} bidirectional, states out, with holes", [(6, 3)], [masked, both(return_state=True)],
         outputs=list(range(2, 3 + 2 * states)), x="holes")
    for mode in ("sum", "mul", "ave"):
        case(f"{label} bidirectional {mode}, last output", [(5, 3)], [both(mode), head()])
    case(f"{label} bidirectional, both last outputs", [(5, 3)], [both(None)], outputs=[1, 2])
    case(f"{label} bidirectional with a backward layer of its own", [(6, 3)],
         [masked, ("Bidirectional", {"layer": {"class_name": cls, "config": {"units": 4, **base, "return_sequences": True}},
                                     "backward_layer": {"class_name": "GRU", "config": {"units": 4, "go_backwards": True, "return_sequences": True}}}),
          head()], x="holes")
    carried = {"stateful": True, "batch_size": 5}
    turns = {"samples": 10, "batch": 5, "stateful": True}
    case(f"{label} stateful, stacked, with holes", [(6, 3)],
         [masked, layer(return_sequences=True, **carried), layer(**carried), head()], x="holes", **turns)
    case(f"{label} stateful, backwards", [(5, 3)], [layer(go_backwards=True, **carried), head()], **turns)
case("TimeDistributed, with holes", [(6, 3)],
     [masked, ("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"units": 4, "activation": "tanh"}}}),
      ("GRU", {"units": 4, "return_sequences": True}), ("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"units": 3}}})], x="holes")

write(pathlib.Path(__file__).with_name("recurrent.safetensors"))

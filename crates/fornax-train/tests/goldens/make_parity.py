"""Writes parity.safetensors: small models trained by Keras, for tests/parity.rs."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "fornax-testkit/goldens"))
from keras_parity import STEPS, case, write


def head(units=3):
    return ("Dense", {"units": units})


# Activations, two a model so that one is inside and one at the end.
ACTIVATIONS = ["linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "sigmoid", "hard_sigmoid", "log_sigmoid", "tanh",
               "hard_tanh", "tanh_shrink", "gelu", "silu", "hard_silu", "mish", "softplus", "softsign", "squareplus",
               "exponential", "soft_shrink", "hard_shrink", "softmax", "log_softmax"]
for name in ACTIVATIONS:
    case(f"activation {name}", [(6,)], [("Dense", {"units": 5, "activation": name}), head()], covers=["Dense", name])

# Dense and its options.
l2 = {"class_name": "L2", "config": {"l2": 0.02}}
l1 = {"class_name": "L1", "config": {"l1": 0.01}}
l1l2 = {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.02}}
orthogonal = {"class_name": "OrthogonalRegularizer", "config": {"factor": 0.05, "mode": "rows"}}
orthogonal_columns = {"class_name": "OrthogonalRegularizer", "config": {"factor": 0.05, "mode": "columns"}}
case("dense regularizers", [(6,)], [("Dense", {"units": 5, "activation": "tanh", "kernel_regularizer": l2, "bias_regularizer": l1}),
                                    ("Dense", {"units": 3, "kernel_regularizer": l1l2, "activity_regularizer": l2})],
     covers=["Dense", "L1", "L2", "L1L2", "activity_regularizer"])
case("dense orthogonal", [(6,)], [("Dense", {"units": 5, "kernel_regularizer": orthogonal}),
                                  ("Dense", {"units": 4, "kernel_regularizer": orthogonal_columns})], covers=["OrthogonalRegularizer"])
for constraint in [{"class_name": "MaxNorm", "config": {"max_value": 0.8, "axis": 0}}, {"class_name": "NonNeg", "config": {}},
                   {"class_name": "UnitNorm", "config": {"axis": 0}},
                   {"class_name": "MinMaxNorm", "config": {"min_value": 0.4, "max_value": 0.9, "rate": 0.7, "axis": 0}}]:
    case(f"dense constraint {constraint['class_name']}", [(6,)],
         [("Dense", {"units": 5, "activation": "tanh", "kernel_constraint": constraint}), head()], covers=[constraint["class_name"]])
case("dense without bias on three axes", [(2, 3, 4)], [("Dense", {"units": 5, "use_bias": False}), head()])
case("dense sample weights", [(6,)], [("Dense", {"units": 5, "activation": "tanh"}), head()], sample_weight=True, covers=["sample_weight"])
case("dense frozen", [(6,)], [("Dense", {"units": 5, "activation": "tanh"}), head()], frozen=(0,), covers=["trainable"])

# Optimizers: every rule and common option.
for name, config in [
    ("SGD", {"learning_rate": 0.05}), ("SGD", {"learning_rate": 0.02, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"learning_rate": 0.01}), ("Adam", {"learning_rate": 0.01, "amsgrad": True, "beta_1": 0.8, "epsilon": 1e-4}),
    ("AdamW", {"learning_rate": 0.01}), ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.05}),
    ("RMSprop", {"learning_rate": 0.005}), ("RMSprop", {"learning_rate": 0.002, "momentum": 0.8, "centered": True}),
    ("Adagrad", {"learning_rate": 0.05}), ("Adadelta", {"learning_rate": 1.0}), ("Adamax", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}), ("Lion", {"learning_rate": 0.002}),
    ("Adam", {"learning_rate": 0.01, "clipnorm": 0.3}), ("Adam", {"learning_rate": 0.01, "clipvalue": 0.05}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.5}), ("SGD", {"learning_rate": 0.05, "weight_decay": 0.1}),
    ("Adam", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7}),
    ("SGD", {"learning_rate": {"class_name": "ExponentialDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.7, "staircase": False}}}),
    ("SGD", {"learning_rate": {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.01, "decay_steps": 30, "alpha": 0.0, "warmup_target": 0.1, "warmup_steps": 10}}}),
]:
    case(f"optimizer {name} {sorted(config)}", [(6,)], [("Dense", {"units": 5, "activation": "tanh"}), head()],
         optimizer=(name, config), steps=10 if name == "Lion" else STEPS, covers=[name])

# Losses.
for loss, config, y, last in [
    ("MeanSquaredError", {}, "normal", "linear"), ("MeanAbsoluteError", {}, "normal", "linear"),
    ("MeanAbsolutePercentageError", {}, "positive", "softplus"), ("MeanSquaredLogarithmicError", {}, "positive", "softplus"),
    ("Huber", {"delta": 0.7}, "normal", "linear"), ("LogCosh", {}, "normal", "linear"),
    ("CosineSimilarity", {}, "normal", "linear"), ("Poisson", {}, "positive", "softplus"),
    ("KLDivergence", {}, "distribution", "softmax"), ("Hinge", {}, "sign", "tanh"), ("SquaredHinge", {}, "sign", "tanh"),
    ("CategoricalHinge", {}, "one_hot", "linear"),
    ("BinaryCrossentropy", {}, "binary", "sigmoid"), ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "binary", "linear"),
    ("BinaryFocalCrossentropy", {"gamma": 2.0, "apply_class_balancing": True}, "binary", "sigmoid"),
    ("CategoricalCrossentropy", {}, "one_hot", "softmax"), ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one_hot", "linear"),
    ("CategoricalFocalCrossentropy", {}, "one_hot", "softmax"),
    ("SparseCategoricalCrossentropy", {}, "class", "softmax"), ("SparseCategoricalCrossentropy", {"from_logits": True}, "class", "linear"),
]:
    rate = 0.0005 if "Percentage" in loss else 0.05
    case(f"loss {loss} {sorted(config)} after {last}", [(6,)],
         [("Dense", {"units": 5, "activation": "tanh"}), ("Dense", {"units": 4, "activation": last})],
         y=y, loss=loss, loss_config=config, optimizer=("SGD", {"learning_rate": rate}), covers=[loss])
case("loss over time steps", [(4, 3)], [("Dense", {"units": 5, "activation": "softmax"})], y="class",
     loss="SparseCategoricalCrossentropy", covers=["SparseCategoricalCrossentropy"])

# Convolution.
def conv(name, shape, cls, config, **more):
    case(f"{cls} {name}", [shape], [(cls, config), ("Flatten", {}), head()], scale=0.15, **more)

for name, config in [("plain", {}), ("even same", {"kernel_size": 2, "padding": "same"}), ("stride same", {"strides": 2, "padding": "same"}),
                     ("dilated", {"dilation_rate": 2, "padding": "same"}), ("causal", {"padding": "causal", "dilation_rate": 2}),
                     ("groups", {"groups": 2, "activation": "relu"}), ("one long", {"kernel_size": 1, "use_bias": False})]:
    conv(name, (7, 4), "Conv1D", {"filters": 6, "kernel_size": 3, **config})
for name, config in [("plain relu", {"activation": "relu"}), ("even same", {"kernel_size": [2, 4], "padding": "same"}),
                     ("stride same", {"strides": [2, 3], "padding": "same"}), ("dilated same", {"dilation_rate": [2, 1], "padding": "same"}),
                     ("groups", {"groups": 2}), ("two by two on five by five", {"kernel_size": 2, "strides": 2, "padding": "same"}),
                     ("regularized", {"kernel_regularizer": l2, "activity_regularizer": l1})]:
    conv(name, (5, 5, 4), "Conv2D", {"filters": 6, "kernel_size": 3, **config})
conv("plain", (4, 3, 4, 2), "Conv3D", {"filters": 3, "kernel_size": 2})
conv("stride same", (4, 3, 4, 2), "Conv3D", {"filters": 3, "kernel_size": [3, 2, 1], "strides": [2, 1, 2], "padding": "same"})
for name, config in [("plain", {}), ("stride", {"strides": 2}), ("stride same", {"strides": 2, "padding": "same"}),
                     ("even same", {"kernel_size": 4, "strides": 3, "padding": "same"}), ("output padding", {"strides": 3, "output_padding": 1})]:
    conv(name, (4, 3), "Conv1DTranspose", {"filters": 4, "kernel_size": 3, **config})
    conv(name, (3, 4, 3), "Conv2DTranspose", {"filters": 4, "kernel_size": 3, **config})
conv("stride", (2, 3, 2, 2), "Conv3DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2})
for cls, shape in [("DepthwiseConv1D", (7, 3)), ("DepthwiseConv2D", (5, 6, 3))]:
    for name, config in [("plain", {}), ("multiplier same", {"depth_multiplier": 2, "padding": "same"}), ("stride same", {"strides": 2, "padding": "same"})]:
        conv(name, shape, cls, {"kernel_size": 3, **config})
for cls, shape in [("SeparableConv1D", (7, 3)), ("SeparableConv2D", (5, 6, 3))]:
    for name, config in [("plain", {}), ("multiplier same", {"depth_multiplier": 2, "padding": "same", "activation": "relu"})]:
        conv(name, shape, cls, {"filters": 4, "kernel_size": 3, **config})

# Pooling.
for cls in ("MaxPooling", "AveragePooling"):
    for axes, shape in [(1, (7, 3)), (2, (5, 6, 3)), (3, (4, 5, 3, 2))]:
        for name, config in [("plain", {}), ("overlapping same", {"pool_size": 3, "strides": 2, "padding": "same"})]:
            case(f"{cls}{axes}D {name}", [shape], [head(4), (f"{cls}{axes}D", {"pool_size": 2, **config}), ("Flatten", {}), head()], scale=0.3)
for cls in ("GlobalMaxPooling", "GlobalAveragePooling"):
    for axes, shape in [(1, (5, 3)), (2, (3, 4, 3)), (3, (2, 3, 2, 3))]:
        case(f"{cls}{axes}D", [shape], [head(4), (f"{cls}{axes}D", {}), head()])
        case(f"{cls}{axes}D keepdims", [shape], [head(4), (f"{cls}{axes}D", {"keepdims": True}), ("Flatten", {}), head()], steps=0)

# Normalization.
for name, config in [("plain", {}), ("momentum", {"momentum": 0.6, "epsilon": 0.01}), ("without scale", {"scale": False, "center": False})]:
    case(f"BatchNormalization {name}", [(6,)], [head(5), ("BatchNormalization", config), head()])
case("BatchNormalization on images", [(3, 4, 3)], [("BatchNormalization", {}), ("Flatten", {}), head()])
case("BatchNormalization frozen", [(6,)], [head(5), ("BatchNormalization", {}), head()], frozen=(1,))
case("BatchNormalization axis 1", [(3, 4, 2)], [("BatchNormalization", {"axis": 1}), ("Flatten", {}), head()])
for name, config in [("plain", {}), ("two axes", {"axis": [1, 2]}), ("without scale", {"scale": False, "center": False})]:
    case(f"LayerNormalization {name}", [(4, 6)], [head(5), ("LayerNormalization", config), head()])
case("GroupNormalization", [(4, 3, 6)], [head(6), ("GroupNormalization", {"groups": 3}), ("Flatten", {}), head()], scale=0.3)
case("GroupNormalization instance", [(4, 6)], [head(6), ("GroupNormalization", {"groups": -1}), ("Flatten", {}), head()], scale=0.3)
case("RMSNormalization", [(4, 6)], [head(5), ("RMSNormalization", {}), head()])
case("UnitNormalization", [(4, 6)], [head(5), ("UnitNormalization", {}), head()])

# Activation layers.
for cls, config in [("Activation", {"activation": "silu"}), ("ReLU", {}), ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}),
                    ("LeakyReLU", {}), ("LeakyReLU", {"negative_slope": 0.1}), ("PReLU", {}), ("ELU", {"alpha": 0.7}), ("Softmax", {})]:
    case(f"{cls} {sorted(config)}", [(6,)], [head(5), (cls, config), head()])
case("PReLU shared axes", [(3, 4, 2)], [("PReLU", {"shared_axes": [1, 2]}), ("Flatten", {}), head()])
case("Softmax axis 1", [(4, 5)], [head(5), ("Softmax", {"axis": 1}), head()])
case("ActivityRegularization", [(6,)], [head(5), ("ActivityRegularization", {"l1": 0.01, "l2": 0.02}), head()])
for cls in ("Dropout", "GaussianNoise"):
    case(f"{cls} without training", [(6,)], [(cls, {"rate" if cls == "Dropout" else "stddev": 0.3}), head()], steps=0)

# Merging: two branches of the same input, or a broadcast one.
for cls in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
    case(cls, [(4, 6)], [head(5), head(5), (cls, {}), head()], [(0, [0]), (1, [0]), (2, [1, 2]), (3, [3])])
    if cls != "Subtract":
        case(f"{cls} of three", [(4, 6)], [head(5), head(5), head(5), (cls, {}), head()], [(0, [0]), (1, [0]), (2, [0]), (3, [1, 2, 3]), (4, [4])])
case("Add broadcast", [(4, 6), (1, 6)], [head(5), head(5), ("Add", {}), head()], [(0, [0]), (1, [1]), (2, [2, 3]), (3, [4])])
case("Concatenate", [(4, 6), (4, 3)], [("Concatenate", {}), head()], [(0, [0, 1]), (1, [2])])
case("Concatenate axis 1", [(4, 3), (2, 3)], [("Concatenate", {"axis": 1}), head()], [(0, [0, 1]), (1, [2])])
case("Dot", [(6,), (6,)], [head(5), head(5), ("Dot", {"axes": 1}), head()], [(0, [0]), (1, [1]), (2, [2, 3]), (3, [4])])
case("Dot normalized", [(4, 6), (6, 4)], [("Dot", {"axes": [1, 2], "normalize": True}), head()], [(0, [0, 1]), (1, [2])])

# Reshaping.
case("Reshape Permute RepeatVector", [(6,)], [("Reshape", {"target_shape": [2, -1]}), ("Permute", {"dims": [2, 1]}), ("Flatten", {}),
                                              ("RepeatVector", {"n": 3}), head()])
for cls, shape, config in [
    ("ZeroPadding1D", (4, 3), {"padding": [1, 2]}), ("ZeroPadding2D", (3, 4, 2), {"padding": [[1, 0], [2, 1]]}), ("ZeroPadding3D", (2, 3, 2, 2), {"padding": 1}),
    ("Cropping1D", (5, 3), {"cropping": [1, 2]}), ("Cropping2D", (5, 6, 2), {"cropping": [[1, 0], [2, 1]]}), ("Cropping3D", (4, 4, 5, 2), {"cropping": 1}),
    ("UpSampling1D", (4, 3), {"size": 3}), ("UpSampling2D", (3, 4, 2), {"size": [2, 3]}), ("UpSampling2D", (3, 4, 2), {"size": 2, "interpolation": "bilinear"}),
    ("UpSampling3D", (2, 3, 2, 2), {"size": 2}),
]:
    case(f"{cls} {config}", [shape], [head(3), (cls, config), ("Flatten", {}), head()], scale=0.3)

# Embedding, Masking, preprocessing.
case("Embedding", [(5,)], [("Embedding", {"input_dim": 7, "output_dim": 4}), ("Flatten", {}), head()], x=7)
case("Embedding with a mask", [(5,)], [("Embedding", {"input_dim": 7, "output_dim": 4, "mask_zero": True}), ("GlobalAveragePooling1D", {}), head()], x=7)
case("Masking", [(5, 3)], [("Masking", {"mask_value": 0.0}), head(4), ("GlobalAveragePooling1D", {}), head()], x="padded")
case("Masking under a loss a time step", [(5, 3)], [("Masking", {"mask_value": 0.0}), head(4)], x="padded")
case("Rescaling", [(5,)], [("Rescaling", {"scale": 0.5, "offset": -1.0}), head()], steps=0)
case("Normalization", [(3,)], [("Normalization", {"mean": [0.1, -0.2, 0.3], "variance": [1.5, 0.5, 2.0]}), head()], steps=0)

# Graphs: several inputs and outputs, shared layers, loss weights.
case("shared layer", [(6,), (6,)], [("Dense", {"units": 4, "activation": "tanh"}), ("Concatenate", {}), head()],
     [(0, [0]), (0, [1]), (1, [2, 3]), (2, [4])])
case("two outputs with loss weights", [(6,)], [("Dense", {"units": 4, "activation": "tanh"}), head(2), head(3)],
     [(0, [0]), (1, [1]), (2, [1])], [2, 3], loss_weights=[0.3, 2.0])

# The listings, small.
case("listing dense", [(20,)], [("Dense", {"units": 8, "activation": "relu"}), ("Dense", {"units": 8, "activation": "relu"}),
                                ("Dense", {"units": 4, "activation": "softmax"})],
     y="class", loss="SparseCategoricalCrossentropy", optimizer=("Adam", {}), covers=["listing 1"])
case("listing cnn", [(14, 14, 1)], [("Conv2D", {"filters": 4, "kernel_size": 3, "activation": "relu"}), ("MaxPooling2D", {"pool_size": 2}),
                                    ("Conv2D", {"filters": 6, "kernel_size": 3, "activation": "relu"}), ("MaxPooling2D", {"pool_size": 2}),
                                    ("Flatten", {}), ("Dense", {"units": 4, "activation": "softmax"})],
     y="class", loss="SparseCategoricalCrossentropy", optimizer=("Adam", {}), scale=0.3, covers=["listing 2"])

write(pathlib.Path(__file__).with_name("parity.safetensors"))

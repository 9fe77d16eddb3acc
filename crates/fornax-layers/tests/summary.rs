//! Summaries against what Keras 3.15.1 prints on a terminal of 80 columns.

use fornax_core::{
    Flex,
    ops::Activation::{Relu, Softmax},
};
use fornax_layers::{Apply, Functional, LayerExt, Network, Sequential, Shared, input, layers::*};

#[test]
fn the_dense_listing() {
    let network: Network<Flex> = Sequential::new([784])
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(10).activation(Softmax))
        .build()
        .unwrap();
    let wanted = r#"Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ dense (Dense)                   │ (None, 64)             │        50,240 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 64)             │         4,160 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_2 (Dense)                 │ (None, 10)             │           650 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 55,050 (215.04 KB)
 Trainable params: 55,050 (215.04 KB)
 Non-trainable params: 0 (0.00 B)
"#;
    assert_eq!(network.summary(), wanted);
}

#[test]
fn long_names_wrap_and_frozen_weights_are_counted_apart() {
    let network: Network<Flex> = Sequential::new([28, 28, 1])
        .add(Conv2D::new(32, 3))
        .add(BatchNormalization::new().frozen())
        .add(Flatten::new())
        .add(Dense::new(5000))
        .build()
        .unwrap();
    let wanted = r#"Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 26, 26, 32)     │           320 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ batch_normalization             │ (None, 26, 26, 32)     │           128 │
│ (BatchNormalization)            │                        │               │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 21632)          │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 5000)           │   108,165,000 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 108,165,448 (412.62 MB)
 Trainable params: 108,165,320 (412.62 MB)
 Non-trainable params: 128 (512.00 B)
"#;
    assert_eq!(network.summary(), wanted);
}

#[test]
fn a_graph_says_what_is_connected_to_what() {
    let a = input::<Flex>([4]);
    let x = Dense::new(8).apply(&a).unwrap();
    let sum = Add.apply([&x, &Dense::new(8).apply(&x).unwrap()]).unwrap();
    let output = Dense::new(2).apply(&sum).unwrap();
    let network = Functional::new(&a, &output).name("residual").build().unwrap();
    let wanted = r#"Model: "residual"
┏━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃
┡━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━┩
│ input_layer         │ (None, 4)         │          0 │ -                 │
│ (InputLayer)        │                   │            │                   │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ dense (Dense)       │ (None, 8)         │         40 │ input_layer[0][0] │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ dense_1 (Dense)     │ (None, 8)         │         72 │ dense[0][0]       │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ add (Add)           │ (None, 8)         │          0 │ dense[0][0],      │
│                     │                   │            │ dense_1[0][0]     │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ dense_2 (Dense)     │ (None, 2)         │         18 │ add[0][0]         │
└─────────────────────┴───────────────────┴────────────┴───────────────────┘
 Total params: 130 (520.00 B)
 Trainable params: 130 (520.00 B)
 Non-trainable params: 0 (0.00 B)
"#;
    assert_eq!(network.summary(), wanted);
}

/// Where Keras cuts a word with an ellipsis, the column is wider here.
#[test]
fn calls_of_a_shared_layer_are_numbered_and_nothing_is_cut() {
    let (a, b) = (input::<Flex>([4]), input([4]));
    let tower = Shared::new(Dense::new(8).named("a_tower_with_a_rather_long_name"));
    let output = Subtract.apply([&tower.apply(&a).unwrap(), &tower.apply(&b).unwrap()]).unwrap();
    let summary = Functional::new([&a, &b], &output).build().unwrap().summary();
    for row in [
        "│ a_tower_with_a_rather_long_name │ (None, 8)         │         40 │ input_layer[0][0], input_layer_1[0][0] │",
        "│ (Dense)                         │                   │            │                                        │",
        "│ subtract (Subtract)             │ (None, 8)         │          0 │ a_tower_with_a_rather_long_name[0][0], │",
        "│                                 │                   │            │ a_tower_with_a_rather_long_name[1][0]  │",
    ] {
        assert!(summary.contains(row), "{summary}");
    }
    let widths: Vec<usize> = summary.lines().skip(1).take(10).map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]));
}

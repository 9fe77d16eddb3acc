//! Models that are trained on a device.

use clap::Args;
use fornax::device::DeviceName;
use fornax::recommend::{NeuMf, SasRec, TwoTower};
use fornax::{Backend, Error, Result};

use super::Log;
use super::models::{Fitted, Fitting, Kind};
use super::settings::Settings;
use crate::device::{Job, dispatch};

/// Where models are trained.
#[derive(Args)]
pub(super) struct DeviceOption {
    /// What neu-mf, two-tower and sas-rec are trained on: cpu, ndarray, flex, cuda or cuda:N [default: cpu].
    #[arg(long)]
    device: Option<DeviceName>,
}

impl DeviceOption {
    /// The device, if one of the models is trained on one.
    pub(super) fn of(&self, models: &[Kind]) -> Result<DeviceName> {
        match self.device {
            None => "cpu".parse(),
            Some(device) if models.iter().any(|model| model.is_deep()) => Ok(device),
            Some(device) => {
                let wanted = "none: neu-mf, two-tower and sas-rec alone are trained on a device";
                Err(Error::argument("--device", device, wanted))
            }
        }
    }
}

/// What is to be trained.
pub(super) struct Deep<'a> {
    pub(super) kind: Kind,
    pub(super) settings: &'a Settings,
    pub(super) log: &'a Log,
    pub(super) how: &'a Fitting<'a>,
}

impl Deep<'_> {
    pub(super) fn fit(self) -> Result<Box<dyn Fitted>> {
        dispatch(self.how.device, self)
    }
}

impl Job for Deep<'_> {
    type Output = Box<dyn Fitted>;

    fn run<B: Backend>(self, device: B::Device) -> Result<Self::Output> {
        let Settings { factors, iterations, negatives, batch_size, .. } = *self.settings;
        let Settings { max_length, blocks, heads, .. } = *self.settings;
        let [factors, iterations, negatives, batch_size, max_length, blocks, heads] =
            [factors, iterations, negatives, batch_size, max_length, blocks, heads]
                .map(Option::unwrap_or_default);
        let Settings { learning_rate, temperature, dropout, .. } = *self.settings;
        let [rate, temperature, dropout] =
            [learning_rate, temperature, dropout].map(Option::unwrap_or_default);
        let (log, seed) = (self.log, self.how.seed);
        Ok(match self.kind {
            Kind::NeuMf => {
                let model = NeuMf::new(factors).learning_rate(rate).epochs(iterations);
                let model = model.negatives(negatives).batch_size(batch_size).seed(seed);
                Box::new(model.fit_on::<B>(log, device)?)
            }
            Kind::TwoTower => {
                let model = TwoTower::new(factors).learning_rate(rate).epochs(iterations);
                let model = model.negatives(negatives).batch_size(batch_size).temperature(temperature);
                let (users, items) = self.how.features.of(log)?;
                Box::new(model.seed(seed).fit_with::<B>(log, users.as_ref(), items.as_ref(), device)?)
            }
            Kind::SasRec => {
                let model = SasRec::new(factors).learning_rate(rate).epochs(iterations);
                let model = model.batch_size(batch_size).dropout(dropout).max_length(max_length);
                Box::new(model.blocks(blocks).heads(heads).seed(seed).fit_on::<B>(log, device)?)
            }
            other => unreachable!("{other} is trained on no device"),
        })
    }
}

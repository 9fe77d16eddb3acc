//! Updates of iALS: exact half steps for the rows that have new interactions.

use fornax_core::Result;

use super::half_steps::{gram_of, some_rows};
use super::{IalsModel, narrowed, widened};
use crate::ids::{ItemIndex, UserIndex};
use crate::models::factors::{Factors, set_rows};
use crate::recommend::Score;
use crate::sparse::UserItems;
use crate::update::{PartialUpdate, UpdateUsers, check_items, rows_to_take};

impl UpdateUsers for IalsModel {
    fn update_users(&mut self, interactions: &UserItems, users: &[UserIndex]) -> Result<()> {
        check_items(interactions, self.item_count())?;
        let users = rows_to_take(users, self.user_count(), interactions.rows())?;
        interactions.check_weights()?;
        let (width, wide) = (self.factors.width(), self.padded_width());
        let vectors = some_rows(interactions, &users, &self.table, &self.gram, wide, self.settings)?;
        self.factors.set_users(interactions.rows(), &users, &narrowed(&vectors, wide, width));
        Ok(())
    }
}

/// Users are solved for while items stand still, then items, then the same users again: each time the objective falls to its
/// minimum over these vectors, so that it never rises, and a user is as one of the same history in [`IalsModel::vector_from`].
/// What is new begins at 0.
impl PartialUpdate for IalsModel {
    fn update(&mut self, interactions: &UserItems, users: &[UserIndex], items: &[ItemIndex]) -> Result<()> {
        let users = rows_to_take(users, self.user_count(), interactions.rows())?;
        let items = rows_to_take(items, self.item_count(), interactions.columns())?;
        interactions.check_weights()?;
        let (width, wide) = (self.factors.width(), self.padded_width());
        let mut of_users = widened(self.factors.users(), width, wide);
        of_users.resize(interactions.rows() * wide, 0.0);
        let mut of_items = self.table.clone();
        of_items.resize(interactions.columns() * wide, 0.0);
        let solved =
            |table: &[f32], gram: &[f32]| some_rows(interactions, &users, table, gram, wide, self.settings);
        set_rows(&mut of_users, wide, &users, &solved(&of_items, &self.gram)?);
        let mut gram = vec![0.0; wide * wide];
        gram_of(&of_users, wide, &mut gram);
        let columns = interactions.transposed();
        let vectors = some_rows(&columns, &items, &of_users, &gram, wide, self.settings)?;
        set_rows(&mut of_items, wide, &items, &vectors);
        gram_of(&of_items, wide, &mut gram);
        set_rows(&mut of_users, wide, &users, &solved(&of_items, &gram)?);
        let narrow = |table: &[f32]| narrowed(table, wide, width);
        self.factors = Factors::from_parts(width, narrow(&of_users), narrow(&of_items));
        (self.table, self.gram) = (of_items, gram);
        Ok(())
    }
}

//! Single values.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait};

use super::row::settings::{ActiveModel, Column, Entity};
use super::{DbError, Tx};

/// The value of `name`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn get(c: &impl ConnectionTrait, name: &str) -> Result<Option<String>, DbError> {
    Ok(Entity::find_by_id(name.to_owned())
        .one(c)
        .await?
        .map(|row| row.value))
}

/// Sets `name` to `value`.
///
/// # Errors
/// When the database refuses or is gone.
pub async fn set(tx: &Tx, name: &str, value: &str) -> Result<(), DbError> {
    let row = ActiveModel {
        name: Set(name.to_owned()),
        value: Set(value.to_owned()),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Name)
                .update_column(Column::Value)
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

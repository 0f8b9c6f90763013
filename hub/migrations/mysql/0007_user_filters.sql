-- Lists of users by every filter in every order: read from an index alone, without a look at the rows, which may be large.
DROP INDEX users_last_activity ON users;
CREATE INDEX users_last_activity ON users (last_activity, id, name, admin);
CREATE INDEX users_by_name ON users (name, admin, last_activity);
CREATE INDEX users_by_id ON users (id, name, admin, last_activity);

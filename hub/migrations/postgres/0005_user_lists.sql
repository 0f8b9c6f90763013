-- Lists of users by last activity, and what is searched in them: without a look at the rows that come before a page. Who was
-- never seen counts as the oldest.
CREATE INDEX users_last_activity ON users (last_activity NULLS FIRST, id, name);

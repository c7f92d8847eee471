"""Run by Alembic: makes the migrations on the connection that `evolve.archive.migrating` hands over."""

from alembic import context

from evolve.archive.models import ArchiveInfo

context.configure(connection=context.config.attributes["connection"], version_table=ArchiveInfo.__tablename__)
context.run_migrations()

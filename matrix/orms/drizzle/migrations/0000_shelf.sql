CREATE TABLE "shelf" (
	"id" serial PRIMARY KEY NOT NULL,
	"label" text
);
--> statement-breakpoint
ALTER TABLE "author" ADD COLUMN "shelf_id" integer REFERENCES "shelf"("id");

-- CreateTable
CREATE TABLE "shelf" (
    "id" SERIAL NOT NULL,
    "label" TEXT,

    CONSTRAINT "shelf_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "shelf_label_idx" ON "shelf"("label");

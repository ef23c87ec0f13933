-- Tasks that ended and were deleted between two applies stayed in their queues: earlier builds left such rows.
DELETE FROM open_task o WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.seq = o.seq);
DELETE FROM wake w WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.seq = w.seq);

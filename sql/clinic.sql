-- The clinic platform's tables, as far as notifier meets them: the schema that the defaults of
-- `notifier migrate` fit. The demo and the tests start from it. Identifiers are camelCase (the platform
-- uses Prisma), timestamps are UTC without a zone, to the millisecond.

CREATE TABLE accounts (
    id   serial PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE doctors (
    id          serial PRIMARY KEY,
    "accountId" integer NOT NULL REFERENCES accounts (id),
    name        text    NOT NULL,
    "isBusy"    boolean NOT NULL DEFAULT false
);

CREATE TABLE patients (
    id          serial PRIMARY KEY,
    "accountId" integer NOT NULL REFERENCES accounts (id),
    name        text    NOT NULL
);

CREATE TABLE contacts (
    id          serial PRIMARY KEY,
    "patientId" integer NOT NULL UNIQUE REFERENCES patients (id),
    phone       text
);

CREATE TYPE "AppointmentStatusEnum" AS ENUM
    ('AGENDADO', 'CHECKIN', 'EM_ATENDIMENTO', 'FALTOU', 'FINALIZADO', 'CANCELADO');

CREATE TABLE appointment_status (
    id    serial PRIMARY KEY,
    code  "AppointmentStatusEnum" NOT NULL UNIQUE,
    name  text NOT NULL,
    color text NOT NULL
);

INSERT INTO appointment_status (id, code, name, color) VALUES
    (1, 'AGENDADO',       'Agendado',       '#6c757d'),
    (2, 'CHECKIN',        'Check-in',       '#17a2b8'),
    (3, 'EM_ATENDIMENTO', 'Em atendimento', '#007bff'),
    (4, 'FALTOU',         'Faltou',         '#ffc107'),
    (5, 'FINALIZADO',     'Finalizado',     '#28a745'),
    (6, 'CANCELADO',      'Cancelado',      '#dc3545');

CREATE TABLE procedures (
    id    serial PRIMARY KEY,
    name  text NOT NULL,
    price numeric(65, 30) NOT NULL
);

CREATE TABLE appointments (
    id          serial PRIMARY KEY,
    date        timestamp(3) NOT NULL,
    "startTime" text         NOT NULL,
    "endTime"   text         NOT NULL,
    notes       text,
    "accountId" integer      NOT NULL REFERENCES accounts (id),
    "doctorId"  integer      NOT NULL REFERENCES doctors (id),
    "patientId" integer      NOT NULL REFERENCES patients (id),
    "statusId"  integer      NOT NULL REFERENCES appointment_status (id),
    "createdAt" timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    "updatedAt" timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    "deletedAt" timestamp(3)
);

CREATE INDEX ON appointments ("accountId", date);
CREATE INDEX ON appointments ("doctorId", "statusId");

CREATE TABLE appointment_procedures (
    id              serial PRIMARY KEY,
    "appointmentId" integer NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
    "procedureId"   integer NOT NULL REFERENCES procedures (id)
);

CREATE INDEX ON appointment_procedures ("appointmentId");

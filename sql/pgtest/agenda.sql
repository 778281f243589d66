-- A clinic that shares nothing with the platform's own schema but the idea: another schema, snake_case, uuid
-- and bigint ids, the status in a text column without a table of statuses, times with a zone, times of day,
-- the phone in the patient's own row, and a link table without an id.

CREATE SCHEMA agenda;

CREATE TABLE agenda.clinic (
    clinic_id bigint PRIMARY KEY,
    title     text NOT NULL
);

CREATE TABLE agenda.professional (
    professional_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       bigint       NOT NULL REFERENCES agenda.clinic,
    full_name       varchar(120) NOT NULL,
    in_session      boolean      NOT NULL DEFAULT false
);

CREATE TABLE agenda.person (
    person_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    full_name text NOT NULL,
    mobile    text
);

CREATE TABLE agenda.service (
    service_id smallint PRIMARY KEY,
    title      text           NOT NULL,
    fee        numeric(10, 2) NOT NULL
);

CREATE TABLE agenda.visit (
    visit_id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id       bigint      NOT NULL REFERENCES agenda.clinic,
    professional_id uuid        NOT NULL REFERENCES agenda.professional,
    person_id       bigint      NOT NULL REFERENCES agenda.person,
    state           text        NOT NULL CHECK (state IN ('booked', 'arrived', 'in_room', 'done', 'called_off', 'no_show')),
    begins_on       timestamptz NOT NULL,
    begins_at       time        NOT NULL,
    ends_at         time        NOT NULL,
    remarks         text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    removed_at      timestamptz
);

CREATE INDEX ON agenda.visit (professional_id, state);

CREATE TABLE agenda.visit_service (
    visit_id   uuid     NOT NULL REFERENCES agenda.visit,
    service_id smallint NOT NULL REFERENCES agenda.service,
    PRIMARY KEY (visit_id, service_id)
);

GRANT USAGE ON SCHEMA agenda TO clinic_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA agenda TO clinic_app;

/* A libnvidia-ml.so.1 without a driver: plays the cards that a text file describes (tests/stubs/nvml.py writes it and
 * documents its words). The structures are those of pynvml; all times are seconds on the trace's clock, which is
 * CLOCK_MONOTONIC less the file's `origin`, or the number that the file `clock` holds (8 bytes, a double). */

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_CARDS 8
#define MAX_WORDS 48

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, SMALL = 7, TIMEOUT = 10, NO_FUNCTION = 13, LOST = 15,
       UNKNOWN = 999 };

typedef struct { char *words[MAX_WORDS]; int count; int index; int xid_seen; } Card;
typedef struct { unsigned field, scope; int64_t at, latency; unsigned type; int result;
                 union { unsigned u; uint64_t ull; double d; } value; } FieldValue;
typedef struct { uint64_t total, free, used; } Memory;
typedef struct { unsigned version; uint64_t total, reserved, free, used; } Memory2;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char text[32]; } Pci;
typedef struct { unsigned pid; uint64_t used; unsigned gpu_instance, compute_instance; } Process;
typedef struct { Card *card; uint64_t type, data; unsigned gpu_instance, compute_instance; } Event;

static Card cards[MAX_CARDS], node;
static int card_count, event_set;
static double *manual_clock;

/* The text after `name=` among the words, or `otherwise`. */
static const char *word(const Card *card, const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (int i = 0; i < card->count; i++)
        if (!strncmp(card->words[i], name, length) && card->words[i][length] == '=')
            return card->words[i] + length + 1;
    return otherwise;
}

/* The n-th number of a comma-separated word. */
static double number(const Card *card, const char *name, int n, double otherwise) {
    const char *text = word(card, name, NULL);
    if (text && strchr(text, ':')) text = strchr(text, ':') + 1;
    for (; text && n > 0; n--) text = (text = strchr(text, ',')) ? text + 1 : NULL;
    return text && *text ? atof(text) : otherwise;
}

static double now(const Card *card) {
    struct timespec t;
    if (manual_clock) return *manual_clock;
    clock_gettime(CLOCK_MONOTONIC, &t);
    (void)card;
    return t.tv_sec + t.tv_nsec / 1e9 - number(&node, "origin", 0, 0);
}

/* Whether `without=` names the feature. */
static int without(const Card *card, const char *feature) {
    const char *text = word(card, "without", "");
    size_t length = strlen(feature);
    for (const char *at = text; (at = strstr(at, feature)); at += length)
        if ((at == text || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
    return 0;
}

/* What a call to a card returns before it looks further. */
static int state(const Card *card, const char *feature) {
    if (!card) return INVALID;
    if (now(card) >= number(card, "lost", 0, INFINITY)) return LOST;
    if (without(&node, feature)) return NO_FUNCTION;
    return without(card, feature) ? NOT_SUPPORTED : OK;
}

/* Whether readings of power and energy fail just now. */
static int in_gap(const Card *card) {
    double since = now(card) - number(card, "gap", 0, INFINITY);
    return since >= 0 && since < number(card, "gap", 1, 0);
}

/* Seconds of [0, t) in which a square wave is high. */
static double high_seconds(double t, double period, double duty) {
    double periods = floor(t / period);
    return periods * period * duty + fmin(t - periods * period, period * duty);
}

/* Joules of the card from 0 to t: the truth. */
static double joules(const Card *card, double t) {
    const char *shape = word(card, "power", "steady:100");
    double a = number(card, "power", 0, 0), b = number(card, "power", 1, 0), c = number(card, "power", 2, 1);
    double d = number(card, "power", 3, 0.5), e = number(card, "power", 4, 0);
    if (!strncmp(shape, "square", 6)) return a * t + (b - a) * (high_seconds(t + e, c, d) - high_seconds(e, c, d));
    if (!strncmp(shape, "ramp", 4)) { /* from a W to b W within c s, then b W */
        double rising = fmin(fmax(t, 0), c);
        return a * rising + (b - a) * rising * rising / (2 * c) + b * (t - rising) + (t < 0 ? (a - b) * t : 0);
    }
    return a * t;
}

/* The last instant at which the card's sensor or counter moved. */
static double last_tick(const Card *card, const char *stuck) {
    double period = number(card, "tick", 0, 0.1), phase = number(card, "tick", 1, 0);
    double t = fmin(now(card), number(card, stuck, 0, INFINITY));
    return floor((t - phase) / period) * period + phase;
}

static uint64_t millijoules(const Card *card) {
    double t = last_tick(card, "stuck_energy"), value = number(card, "energy_start", 0, 1e5) + joules(card, t);
    if (t >= number(card, "backwards", 0, INFINITY)) value -= number(card, "backwards", 1, 0);
    double wrap = number(card, "wrap", 0, 0);
    return (uint64_t)((wrap > 0 ? fmod(value, wrap) : value) * 1e3);
}

/* Mean power of the `window` seconds before the sensor's last update, mW, in whole `step` watts where that is given. */
static unsigned milliwatts(const Card *card, double window) {
    double t = last_tick(card, "stuck_power"), step = number(card, "step", 0, 0.001);
    double watts = (joules(card, t) - joules(card, t - window)) / window * number(card, "gain", 0, 1);
    watts += number(card, "noise", 0, 0) * sin(t * 7919); /* as good as random from one update to the next */
    return (unsigned)lround(round(watts / step) * step * 1e3);
}

/* Seconds that the card was held back so far: slow_<kind>=FROM,SHARE. */
static double slowed(const Card *card, const char *kind) {
    return fmax(0, now(card) - number(card, kind, 0, INFINITY)) * number(card, kind, 1, 1);
}

static int slow_now(const Card *card, const char *kind) { return now(card) >= number(card, kind, 0, INFINITY); }

static int text_into(char *out, unsigned size, const char *text) {
    if (strlen(text) + 1 > size) return SMALL;
    for (char *at = strcpy(out, text); *at; at++) if (*at == '_') *at = ' ';
    return OK;
}

static void take_words(char *line, Card *card) {
    for (char *at = strtok(line, " \t\n"); at && card->count < MAX_WORDS; at = strtok(NULL, " \t\n"))
        card->words[card->count++] = strdup(at);
}

EXPORT int nvmlInitWithFlags(unsigned flags) {
    const char *path = getenv("SIXDIM_NVML_TRACE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[4096];
    (void)flags;
    if (!file) return 9; /* driver not loaded */
    memset(&node, 0, sizeof node);
    memset(cards, 0, sizeof cards);
    card_count = 0;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#') continue;
        int is_card = !strncmp(line, "card ", 5) && card_count < MAX_CARDS;
        if (is_card) cards[card_count].index = card_count;
        take_words(is_card ? line + 5 : line, is_card ? &cards[card_count++] : &node);
    }
    fclose(file);
    manual_clock = NULL;
    if (word(&node, "clock", NULL)) {
        int clock = open(word(&node, "clock", ""), O_RDONLY);
        manual_clock = mmap(NULL, sizeof(double), PROT_READ, MAP_SHARED, clock, 0);
        close(clock);
    }
    return (int)number(&node, "init", 0, OK);
}

EXPORT int nvmlShutdown(void) { return OK; }

EXPORT const char *nvmlErrorString(int result) {
    return result == LOST ? "GPU is lost" : result == NOT_SUPPORTED ? "Not Supported" : "Unknown Error";
}

EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    return text_into(out, size, word(&node, "driver", "580.95.05"));
}

EXPORT int nvmlSystemGetNVMLVersion(char *out, unsigned size) {
    return text_into(out, size, word(&node, "nvml", "13.580.95.05"));
}

EXPORT int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = 13000; return OK; }

EXPORT int nvmlDeviceGetCount_v2(unsigned *out) { *out = (unsigned)card_count; return OK; }

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, Card **out) {
    if (index >= (unsigned)card_count) return INVALID;
    *out = &cards[index];
    return state(*out, "handle");
}

EXPORT int nvmlDeviceGetName(Card *card, char *out, unsigned size) {
    return text_into(out, size, word(card, "name", "NVIDIA_Stub"));
}

EXPORT int nvmlDeviceGetUUID(Card *card, char *out, unsigned size) {
    int result = state(card, "uuid");
    return result ? result : text_into(out, size, word(card, "uuid", ""));
}

EXPORT int nvmlDeviceGetPciInfo_v3(Card *card, Pci *out) {
    int result = state(card, "pci");
    memset(out, 0, sizeof *out);
    return result ? result : text_into(out->text, sizeof out->text, word(card, "pci", ""));
}

/* memory=USED,TOTAL,RESERVED in MiB */
static uint64_t bytes(Card *card, int n, double otherwise) {
    return (uint64_t)(number(card, "memory", n, otherwise) * 1048576.0);
}

EXPORT int nvmlDeviceGetMemoryInfo(Card *card, Memory *out) {
    int result = state(card, "memory");
    out->total = bytes(card, 1, 81559);
    out->used = bytes(card, 0, 1024) + bytes(card, 2, 512);
    out->free = out->total - out->used;
    return result;
}

EXPORT int nvmlDeviceGetMemoryInfo_v2(Card *card, Memory2 *out) {
    int result = state(card, "memory_v2");
    if (out->version != 0x02000028) return 25;
    out->total = bytes(card, 1, 81559);
    out->reserved = bytes(card, 2, 512);
    out->used = bytes(card, 0, 1024);
    out->free = out->total - out->used - out->reserved;
    return result ? result : state(card, "memory");
}

EXPORT int nvmlDeviceGetPowerUsage(Card *card, unsigned *out) {
    int result = state(card, "power_usage");
    *out = milliwatts(card, number(card, "usage_window", 0, 1.0));
    return result ? result : in_gap(card) ? UNKNOWN : OK;
}

EXPORT int nvmlDeviceGetTotalEnergyConsumption(Card *card, uint64_t *out) {
    int result = state(card, "energy");
    *out = millijoules(card);
    return result ? result : in_gap(card) ? UNKNOWN : OK;
}

static int field_value(Card *card, FieldValue *field) {
    const char *feature = field->field == 83 ? "energy" : field->field == 185 ? "average" : field->field == 186 ? "instant"
                        : field->field == 74 ? "power_counter" : "reason_counters";
    int result = state(card, feature), module = word(card, "scope", NULL) != NULL;
    if (result) return result;
    if (field->field == 83 || field->field == 185 || field->field == 186) {
        if (in_gap(card)) return UNKNOWN;
        if (field->field != 83 && field->scope != (unsigned)module) return NOT_SUPPORTED;
    }
    field->type = 3;
    switch (field->field) {
    case 83: field->value.ull = millijoules(card); return OK;
    case 185: field->type = 1; field->value.u = milliwatts(card, 1.0); return OK;
    case 186: field->type = 1; field->value.u = milliwatts(card, number(card, "window", 0, 0.025)); return OK;
    case 74: field->value.ull = (uint64_t)(slowed(card, "slow_power") * 1e9); return OK;
    case 269: field->value.ull = (uint64_t)(slowed(card, "slow_thermal") * 1e9); return OK;
    case 270: field->value.ull = (uint64_t)(slowed(card, "slow_hardware") * 1e9); return OK;
    case 271: field->value.ull = (uint64_t)(slowed(card, "slow_brake") * 1e9); return OK;
    }
    return NOT_SUPPORTED;
}

EXPORT int nvmlDeviceGetFieldValues(Card *card, int count, FieldValue *values) {
    int result = state(card, "fields");
    for (int i = 0; i < count && !result; i++) values[i].result = field_value(card, &values[i]);
    return result;
}

EXPORT int nvmlDeviceGetViolationStatus(Card *card, unsigned policy, uint64_t out[2]) {
    int result = state(card, "violations");
    out[0] = (uint64_t)(now(card) * 1e6);
    out[1] = (uint64_t)(slowed(card, policy == 0 ? "slow_power" : "slow_thermal") * 1e9);
    return result ? result : policy <= 1 ? OK : NOT_SUPPORTED;
}

EXPORT int nvmlDeviceGetCurrentClocksEventReasons(Card *card, uint64_t *out) {
    *out = (slow_now(card, "slow_power") ? 0x4 : 0) | (slow_now(card, "slow_thermal") ? 0x20 : 0)
         | (slow_now(card, "slow_hardware") ? 0x48 : 0) | (slow_now(card, "slow_brake") ? 0x88 : 0)
         | (uint64_t)number(card, "reasons", 0, 0);
    return state(card, "reasons");
}

/* temperature=FROM,TO,SECONDS in degC */
EXPORT int nvmlDeviceGetTemperature(Card *card, unsigned sensor, unsigned *out) {
    double from = number(card, "temperature", 0, 40), to = number(card, "temperature", 1, from);
    (void)sensor;
    *out = (unsigned)(from + (to - from) * fmin(1, now(card) / number(card, "temperature", 2, 1)));
    return state(card, "temperature");
}

EXPORT int nvmlDeviceGetTemperatureV(Card *card, unsigned out[3]) { /* version, sensor, degrees */
    int result = nvmlDeviceGetTemperature(card, out[1], &out[2]);
    return result == NOT_SUPPORTED || result == NO_FUNCTION ? state(card, "temperature_v") : result;
}

EXPORT int nvmlDeviceGetUtilizationRates(Card *card, unsigned out[2]) {
    out[0] = (unsigned)number(card, "utilization", 0, 0);
    out[1] = 0;
    return state(card, "utilization");
}

/* clock=NOW,MAX,APPLICATION,DEFAULT in MHz */
static int clock_value(Card *card, int n, double otherwise, const char *feature, unsigned *out) {
    *out = (unsigned)number(card, "clock", n, otherwise);
    return state(card, feature);
}

EXPORT int nvmlDeviceGetClockInfo(Card *card, unsigned type, unsigned *out) {
    (void)type;
    return clock_value(card, 0, 1980, "clock", out);
}
EXPORT int nvmlDeviceGetMaxClockInfo(Card *card, unsigned type, unsigned *out) {
    (void)type;
    return clock_value(card, 1, 1980, "clock", out);
}
EXPORT int nvmlDeviceGetApplicationsClock(Card *card, unsigned type, unsigned *out) {
    (void)type;
    return clock_value(card, 2, 1980, "application_clock", out);
}
EXPORT int nvmlDeviceGetDefaultApplicationsClock(Card *card, unsigned type, unsigned *out) {
    (void)type;
    return clock_value(card, 3, 1980, "application_clock", out);
}

/* limit=NOW,DEFAULT in W */
EXPORT int nvmlDeviceGetPowerManagementLimit(Card *card, unsigned *out) {
    *out = (unsigned)(number(card, "limit", 0, 700) * 1e3);
    return state(card, "limit");
}
EXPORT int nvmlDeviceGetPowerManagementDefaultLimit(Card *card, unsigned *out) {
    *out = (unsigned)(number(card, "limit", 1, 700) * 1e3);
    return state(card, "limit");
}

/* ecc=CORRECTED,UNCORRECTED,SINCE: none before that instant */
EXPORT int nvmlDeviceGetTotalEccErrors(Card *card, unsigned kind, unsigned counter, uint64_t *out) {
    (void)counter;
    *out = now(card) < number(card, "ecc", 2, -INFINITY) ? 0 : (uint64_t)number(card, "ecc", (int)kind, 0);
    return state(card, "ecc");
}

EXPORT int nvmlDeviceGetPcieReplayCounter(Card *card, unsigned *out) {
    *out = (unsigned)number(card, "replays", 0, 0);
    return state(card, "replays");
}

/* processes=PID,MIB,PID,MIB; a negative size is "not available" */
EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(Card *card, unsigned *count, Process *out) {
    unsigned room = *count, there = 0;
    while (number(card, "processes", (int)there * 2, -1) >= 0) there++;
    *count = there;
    if (state(card, "processes")) return state(card, "processes");
    if (room < there) return SMALL;
    for (unsigned i = 0; i < there; i++) {
        double size = number(card, "processes", (int)i * 2 + 1, -1);
        out[i].pid = (unsigned)number(card, "processes", (int)i * 2, 0);
        out[i].used = size < 0 ? UINT64_MAX : (uint64_t)(size * 1048576.0);
    }
    return OK;
}

EXPORT int nvmlSystemGetProcessName(unsigned pid, char *out, unsigned size) {
    snprintf(out, size, "stub-%u", pid);
    return OK;
}

EXPORT int nvmlDeviceGetMigMode(Card *card, unsigned *current, unsigned *pending) {
    *current = *pending = (unsigned)number(card, "mig", 0, 0);
    return state(card, "mig");
}

EXPORT int nvmlDeviceGetPersistenceMode(Card *card, unsigned *out) {
    *out = (unsigned)number(card, "persistence", 0, 1);
    return state(card, "persistence");
}

EXPORT int nvmlDeviceGetArchitecture(Card *card, unsigned *out) {
    *out = (unsigned)number(card, "architecture", 0, 9);
    return state(card, "architecture");
}

/* capability=MAJOR,MINOR */
EXPORT int nvmlDeviceGetCudaComputeCapability(Card *card, int *major, int *minor) {
    *major = (int)number(card, "capability", 0, 9);
    *minor = (int)number(card, "capability", 1, 0);
    return state(card, "capability");
}

EXPORT int nvmlEventSetCreate(int **out) { *out = &event_set; return without(&node, "events") ? NOT_SUPPORTED : OK; }
EXPORT int nvmlDeviceRegisterEvents(Card *card, uint64_t types, int *set) { (void)types; (void)set; return state(card, "events"); }
EXPORT int nvmlEventSetFree(int *set) { (void)set; return OK; }

/* xid=AT,NUMBER,AT,NUMBER in ascending order */
EXPORT int nvmlEventSetWait_v2(int *set, Event *out, unsigned milliseconds) {
    (void)set; (void)milliseconds;
    for (int i = 0; i < card_count; i++)
        if (now(&cards[i]) >= number(&cards[i], "xid", cards[i].xid_seen * 2, INFINITY)) {
            Event event = {&cards[i], 8, (uint64_t)number(&cards[i], "xid", cards[i].xid_seen++ * 2 + 1, 0), 0, 0};
            *out = event;
            return OK;
        }
    return TIMEOUT;
}

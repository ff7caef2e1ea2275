# bulkwatch: make, make check, make demo, make install. README.md says more.

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
CC         ?= cc
BUILD      ?= build
OPT        ?= -O2 -g
SANITIZE   ?=
# Hardening as Debian builds its own packages; not under the sanitizers, which
# bring their own checks.
HARDEN     ?= $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2 -fstack-protector-strong)
# make V=1 shows the whole commands.
Q          := $(if $(V),,@)
PYTHON     ?= /usr/bin/python3
SUDO       := $(if $(filter 0,$(shell id -u)),,sudo)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wformat=2 -Wconversion -Wpointer-arith -Wcast-qual -Wwrite-strings \
        -Wundef -Wvla -Werror

# One module of the code, one library: the third-party header of a folder is
# seen by that folder only (tests/lib/check-layers.sh).
BASE_PC     :=
SETTINGS_PC := libconfig
MAIL_PC     := gmime-3.0
JSON_PC     := jansson
STORE_PC    := sqlite3 libsodium
NOTIFY_PC   := libcurl
DAEMON_PC   := milter libsystemd
ALL_PC      := $(SETTINGS_PC) $(MAIL_PC) $(JSON_PC) $(STORE_PC) $(NOTIFY_PC) \
               $(DAEMON_PC)

DEPS := gcc make pkg-config libc6-dev libmilter-dev libsqlite3-dev \
        libconfig-dev libgmime-3.0-dev libcurl4-openssl-dev libjansson-dev \
        libsystemd-dev libsodium-dev libcmocka-dev python3 python3-pytest \
        sasl2-bin libsasl2-modules mandoc man-db sqlite3 faketime systemd \
        openssl

# Which goals need the libraries, and so say clearly what is missing.
BUILDS := $(filter-out deps clean check check-asan demo bench,$(or $(MAKECMDGOALS),all))
ifneq ($(BUILDS),)
MISSING := $(shell for p in $(ALL_PC); do pkg-config --exists $$p 2>/dev/null || echo $$p; done)
ifneq ($(MISSING),)
$(error not found by pkg-config: $(MISSING). `make deps` installs the Debian packages that hold them)
endif
endif

CFLAGS_ALL  = -std=c11 -D_GNU_SOURCE $(OPT) $(SANITIZE) $(HARDEN) $(WARN) -fPIE \
              -Iinclude -DBULKWATCH_SYSCONFDIR='"$(SYSCONFDIR)"' $(CFLAGS)
LDFLAGS_ALL = $(SANITIZE) -pie -Wl,-z,relro,-z,now,--as-needed $(LDFLAGS)
pc_cflags   = $(shell pkg-config --cflags $(1) 2>/dev/null)
LIBS        = $(shell pkg-config --libs $(ALL_PC) 2>/dev/null) -lpthread

LAYERS  := base settings mail json policy store notify
LIB_SRC := $(foreach l,$(LAYERS),$(wildcard milter/$(l)/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
DMN_SRC := $(filter-out milter/daemon/main.c,$(wildcard milter/daemon/*.c))
DMN_OBJ := $(DMN_SRC:%.c=$(BUILD)/%.o)
CTL_SRC := $(filter-out milter/ctl/main.c,$(wildcard milter/ctl/*.c))
CTL_OBJ := $(CTL_SRC:%.c=$(BUILD)/%.o)
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*_test.c))

.PHONY: all deps check check-asan check-layers unit demo bench install uninstall clean
all: $(BUILD)/bulkwatchd $(BUILD)/bulkwatch

$(BUILD)/libbulkwatch.a: $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/bulkwatchd: $(BUILD)/milter/daemon/main.o $(DMN_OBJ) $(BUILD)/libbulkwatch.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(BUILD)/bulkwatch: $(BUILD)/milter/ctl/main.o $(CTL_OBJ) $(BUILD)/libbulkwatch.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/milter/settings/%.o: PC := $(SETTINGS_PC)
$(BUILD)/milter/mail/%.o:     PC := $(MAIL_PC)
$(BUILD)/milter/json/%.o:     PC := $(JSON_PC)
$(BUILD)/milter/store/%.o:    PC := $(STORE_PC)
$(BUILD)/milter/notify/%.o:   PC := $(NOTIFY_PC)
$(BUILD)/milter/daemon/%.o:   PC := $(DAEMON_PC)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(call pc_cflags,$(PC)) -MMD -MP -c -o $@ $<
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# The texts of conf/templates are built in, for a settings file that has no
# templates beside it.
$(BUILD)/milter/settings/builtin.o: $(wildcard conf/templates/*/*.txt)

$(BUILD)/tests/%_test: $(BUILD)/tests/unit/%_test.o $(DMN_OBJ) $(CTL_OBJ) $(BUILD)/libbulkwatch.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(shell pkg-config --libs cmocka)
$(BUILD)/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

unit: $(UNIT)
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf build

<?php

namespace Rebound\Bundle\CreditNoteBundle\Migrations\Schema;

use Doctrine\DBAL\Schema\Schema;
use Doctrine\DBAL\Schema\Table;
use Oro\Bundle\MigrationBundle\Migration\Installation;
use Oro\Bundle\MigrationBundle\Migration\QueryBag;

/**
 * Creates the tables of the bundle, as its entities map them.
 *
 * Indexes that the mapping does not name have the names that Doctrine derives from it; left unnamed, they would get
 * others from OroMigrationBundle.
 */
class ReboundCreditNoteBundleInstaller implements Installation
{
    private const MONEY = ['precision' => 19, 'scale' => 4];

    #[\Override]
    public function getMigrationVersion(): string
    {
        return 'v1_0';
    }

    #[\Override]
    public function up(Schema $schema, QueryBag $queries): void
    {
        $note = $this->createCreditNoteTable($schema);
        $line = $this->createCreditNoteLineTable($schema);
        $this->refer($note, 'organization_id', $schema->getTable('oro_organization'), 'SET NULL');
        $this->refer($note, 'order_id', $schema->getTable('oro_order'), 'SET NULL');
        $this->refer($line, 'credit_note_id', $note, 'CASCADE');
        $this->refer($line, 'order_line_id', $schema->getTable('oro_order_line_item'), 'SET NULL');
    }

    private function createCreditNoteTable(Schema $schema): Table
    {
        $table = $schema->createTable('rebound_credit_note');
        $table->addColumn('id', 'integer', ['autoincrement' => true]);
        $table->addColumn('organization_id', 'integer', ['notnull' => false]);
        $table->addColumn('order_id', 'integer', ['notnull' => false]);
        $table->addColumn('credit_note_number', 'string', ['length' => 255]);
        $table->addColumn('return_id', 'string', ['length' => 255]);
        $table->addColumn('order_identifier', 'string', ['notnull' => false, 'length' => 255]);
        $table->addColumn('currency', 'string', ['length' => 3]);
        $table->addColumn('net_amount', 'money', self::MONEY);
        $table->addColumn('discount_amount', 'money', self::MONEY);
        $table->addColumn('tax_amount', 'money', self::MONEY);
        $table->addColumn('shipping_amount', 'money', self::MONEY);
        $table->addColumn('shipping_tax_amount', 'money', self::MONEY);
        $table->addColumn('fee_amount', 'money', self::MONEY);
        $table->addColumn('total_amount', 'money', self::MONEY);
        $table->addColumn('decided_at', 'datetime', ['notnull' => false]);
        $table->addColumn('created_at', 'datetime', []);
        $table->addColumn('updated_at', 'datetime', []);
        $table->setPrimaryKey(['id']);
        $table->addUniqueIndex(['credit_note_number'], 'UNIQ_94F1D595A268AEB0');
        $table->addIndex(['organization_id'], 'IDX_94F1D59532C8A3DE');
        $table->addIndex(['order_id'], 'IDX_94F1D5958D9F6D38');
        $table->addIndex(['return_id'], 'idx_rebound_note_return_id');
        $table->addIndex(['created_at'], 'idx_rebound_note_created_at');

        return $table;
    }

    private function createCreditNoteLineTable(Schema $schema): Table
    {
        $table = $schema->createTable('rebound_credit_note_line');
        $table->addColumn('id', 'integer', ['autoincrement' => true]);
        $table->addColumn('credit_note_id', 'integer', []);
        $table->addColumn('order_line_id', 'integer', ['notnull' => false]);
        $table->addColumn('return_line_key', 'string', ['length' => 255]);
        $table->addColumn('sku', 'string', ['length' => 255]);
        $table->addColumn('quantity', 'float', []);
        $table->addColumn('unit_code', 'string', ['notnull' => false, 'length' => 255]);
        $table->addColumn('reason_code', 'string', ['notnull' => false, 'length' => 255]);
        $table->addColumn('net_amount', 'money', self::MONEY);
        $table->addColumn('discount_amount', 'money', self::MONEY);
        $table->addColumn('tax_amount', 'money', self::MONEY);
        $table->addColumn('total_amount', 'money', self::MONEY);
        $table->setPrimaryKey(['id']);
        $table->addUniqueIndex(['return_line_key'], 'UNIQ_257673DF6FA17FA4');
        $table->addIndex(['credit_note_id'], 'IDX_257673DF1C696F7A');
        $table->addIndex(['order_line_id'], 'IDX_257673DFBB01DC09');

        return $table;
    }

    private function refer(Table $table, string $column, Table $target, string $onDelete): void
    {
        $table->addForeignKeyConstraint($target, [$column], ['id'], ['onUpdate' => null, 'onDelete' => $onDelete]);
    }
}
